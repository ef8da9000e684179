"""The command line: parses, calls, prints."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from prismgan import __version__
from prismgan.cli.compare import compare
from prismgan.cli.conventions import AsJson, RecipeFile, Settings, WeightsFile, fail, print_json
from prismgan.cli.evaluate import evaluate
from prismgan.cli.export import export
from prismgan.cli.render import render
from prismgan.cli.sample import sample
from prismgan.cli.serve import serve
from prismgan.cli.tasks import add_task, remove_task, rename_task
from prismgan.cli.video import video
from prismgan.errors import PrismganError, one_line
from prismgan.machine import keep_freed_memory

__all__ = ["app", "main"]

# torch takes seconds to import, so every command imports what it needs by itself.

app = typer.Typer(
    name="prismgan",
    help="One picture in, several pictures out: a single-source multi-task GAN.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="Look at the data of a recipe.", no_args_is_help=True)
recipe_app = typer.Typer(help="Help with recipes.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(recipe_app, name="recipe")


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def demo(
    run: Annotated[Path, typer.Option(help="Folder for weights, pictures and report.")] = Path("runs/demo"),
    minutes: Annotated[float, typer.Option(min=0.05, max=600, help="How long to train from scratch.")] = 3.0,
) -> None:
    """Render with the ready-made weights, add a style to them, train a small network from scratch, report."""
    from prismgan.demo import run_demo

    run_demo(run, minutes)


@app.command()
def train(
    recipe: RecipeFile,
    run: Annotated[Path, typer.Option(help="Folder for everything that the training makes.", show_default=False)],
    steps: Annotated[int | None, typer.Option(min=1, help="Steps, instead of the recipe's.")] = None,
    settings: Settings = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
    minutes: Annotated[
        float | None, typer.Option(min=0.05, help="Train for so long, instead of a number of steps; not to be resumed.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option("--from", help="Weights to start from, as far as they fit.", show_default=False)
    ] = None,
) -> None:
    """Train one network for all tasks of a recipe."""
    from prismgan.training.display import Terminal
    from prismgan.training.recipe import load
    from prismgan.training.trainer import Trainer

    overrides = [*(settings or []), *([] if steps is None else [f"training.steps={steps}"])]
    if minutes is not None and resume:
        fail("--minutes and --resume: a training that is timed by the clock is not resumed; use --from its weights")
    trainer = Trainer(
        load(recipe, overrides), run, resume=resume, display=Terminal(), minutes=minutes, start_from=start
    )
    finished = trainer.train()
    if trainer.rank == 0:
        typer.echo(f"weights  {trainer.run.weights}")
        if finished:
            typer.echo(f"report   {trainer.run.report}")
        elif minutes is None:
            typer.echo("go on with the same command and --resume")
        else:
            typer.echo(f"go on with another --run and --from {trainer.run.weights}")


app.command()(compare)
app.command()(render)
app.command()(sample)
app.command()(video)
app.command()(serve)
app.command()(evaluate)
app.command()(export)


@app.command()
def report(run: Annotated[Path, typer.Argument(help="A run's folder.", show_default=False)]) -> None:
    """Write a run's report anew: of a training that goes on, or was stopped."""
    from prismgan.training.recipe import load
    from prismgan.training.report import write_report

    typer.echo(write_report(run, title=load(run / "recipe.yaml").name))


@app.command()
def info(weights: WeightsFile = None, as_json: AsJson = False) -> None:
    """Say what a weights file holds."""
    from prismgan.models.weights import find_weights, load_weights

    weights = find_weights(weights)
    loaded = load_weights(weights)
    header, parameters = loaded.header, loaded.network().parameter_counts()
    if as_json:
        print_json({**header.model_dump(mode="json"), "parameters": parameters, "bytes": weights.stat().st_size})
        return
    typer.echo(f"{header.title}: {len(header.tasks)} tasks, trained for {header.step} steps")
    typer.echo(f"{sum(parameters.values()):,} parameters, {parameters['shared']:,} of them shared by all tasks")
    for entry in header.tasks:
        scale = f"  {entry.scale}x" if entry.scale > 1 else ""
        varies = "  varies with z" if entry.latent else ""
        typer.echo(f"  {entry.name:<20} {entry.kind:<18} {parameters[entry.name]:>8,} parameters{scale}{varies}")


app.command("add-task")(add_task)
app.command("remove-task")(remove_task)
app.command("rename-task")(rename_task)


@data_app.command("check")
def data_check(recipe: RecipeFile, settings: Settings = None) -> None:
    """List everything that is wrong with the data of a recipe, all at once."""
    from prismgan import data
    from prismgan.training.recipe import load

    loaded = load(recipe, settings or [])
    tasks = loaded.all_tasks()
    problems = data.check(loaded.data, [*tasks, *loaded.other_tasks()], loaded.training.crop)
    for problem in problems:
        typer.echo(f"{problem.severity}: {problem}", err=True)
    errors = sum(problem.severity == "error" for problem in problems)
    if errors:
        fail(f"{recipe}: {errors} problem{'s' if errors > 1 else ''} with the data")
    for count in data.summary(*data.split(data.rows(loaded.data), loaded.data), tasks):
        targets = ", ".join(f"{name} {number}" for name, number in count.targets.items())
        typer.echo(f"{count.split:<6} {count.collection:<20} {count.rows:>6} pictures   {targets}")
    typer.echo("the data fits the tasks")


@recipe_app.command("schema")
def recipe_schema() -> None:
    """Print the JSON schema of recipes, for editors that complete and check YAML."""
    from prismgan.training.recipe import schema

    print_json(schema())


@recipe_app.command("reference")
def recipe_reference() -> None:
    """Print what every field of a recipe means, as Markdown."""
    from prismgan.training.recipe_reference import reference

    typer.echo(reference(), nl=False)


def main() -> None:
    """Run the command line; what is the user's to solve is one line on stderr and exit code 2."""
    # Threads of torch that wait for each other keep a core busy for a while before they sleep. The default is so long
    # that one other busy program makes training ten times slower; this costs 3 % where nothing else runs.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    keep_freed_memory()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")  # names that are not UTF-8 come out as the bytes they are
    try:
        app()
    except PrismganError as error:
        for line in str(error).splitlines():
            print(f"prismgan: {line}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            # Files of ours are written by name; what has none is the output that results are told on.
            if error.errno != errno.ENOSPC:
                raise
            print("prismgan: the standard output cannot be written to (the disk is full)", file=sys.stderr)
            os._exit(2)  # Python would try to write the rest of it once more
        # A file that may not even be looked at, or has an impossible name.
        print(one_line(f"prismgan: {error.filename}: {error.strerror}; use another file or name"), file=sys.stderr)
        sys.exit(2)
