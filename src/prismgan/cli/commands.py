"""The command line: parses, calls, prints."""

import errno
import io
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer import Argument, Option
from typer.core import TyperCommand

from prismgan import __version__
from prismgan.cli import options
from prismgan.cli.evaluate import compare, evaluate
from prismgan.cli.export import export
from prismgan.cli.options import GROUP, examples, fail, print_json
from prismgan.cli.recipes import data_app, recipe_app
from prismgan.cli.render import render
from prismgan.cli.serve import serve
from prismgan.cli.tasks import add_task, remove_task, rename_task
from prismgan.cli.video import video
from prismgan.errors import PrismganError, one_line
from prismgan.machine import keep_freed_memory


def sample(
    weights: Annotated[Path, Argument(help="The weights of a recipe with `source: noise`.")],
    out: Annotated[Path, Option(help="Write one sheet to this picture file, or all pictures into this folder.")],
    count: Annotated[int, Option(min=1, max=10_000, help="Number of latents.")] = 12,
    seed: Annotated[int, Option(min=0, help="Seed of the first latent; the next ones use the seeds after it.")] = 0,
    to: Annotated[int | None, Option(min=0, help="Interpolate to the latent of this seed, in --count steps.")] = None,
) -> None:
    """Generate pictures from noise. Each latent gives aligned images of all tasks."""
    from prismgan.render.sampler import Sampler, write_samples

    for path in write_samples(Sampler.load(weights)(count, seed, to), out):
        typer.echo(path)


# torch takes seconds to import, so each command imports its own modules when it runs.

TITLE = "One picture in, several pictures out: a single-source multi-task GAN."
app = typer.Typer(name="prismgan", help=TITLE, pretty_exceptions_enable=False, **GROUP)


@app.callback(
    invoke_without_command=True,
    epilog=examples("render photo.jpg", "serve", "COMMAND --help  explains a command and shows examples"),
)
def root(version: Annotated[bool, Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


# The commands in the order in which a newcomer needs them.
app.command(
    epilog=examples(
        "render photo.jpg",
        "render photos --tasks restore,comic --sheet",
        "render photo.jpg --strength starry-night=0.6",
        "render photo.jpg --blend dusk:great-wave=1,pencil=2",
        "render photo.jpg --chain restore,enlarge-2x --format jpg --quality 90",
    )
)(render)
app.command(epilog=examples("video clip.mp4", "video clip.mp4 --tasks comic,pencil --grid --report"))(video)
app.command(epilog=examples("serve", "serve --port 0", "serve --static site"))(serve)


@app.command(epilog=examples("demo", "demo --quick", "demo --minutes 10 --run runs/mine"))
def demo(
    run: Annotated[Path, Option(help="Write weights, pictures and report into this folder.")] = Path("runs/demo"),
    minutes: Annotated[float, Option(min=0.05, max=600, help="Minutes of training; half as many for the style.")] = 2.0,
    quick: Annotated[bool, Option("--quick", help="Only render and report, without training.")] = False,
) -> None:
    """Render, add a style, train a small network, and report."""
    from prismgan.cli.progress import Narrator

    console = Narrator()
    with console.narrating():
        from prismgan.demo import run_demo  # imports torch, which may take a while the first time

        run_demo(run, None if quick else minutes, console)


@app.command(epilog=examples("push USER/NAME --weights runs/mine/weights.safetensors", "push USER/NAME --private"))
def push(
    repository: Annotated[str, Argument(help="The repository, USER/NAME.")],
    weights: options.WeightsOption = None,
    private: Annotated[bool, Option("--private", help="Make a new repository private.")] = False,
    licence: Annotated[str, Option("--license", help="Write this licence into the card.")] = "apache-2.0",
) -> None:
    """Publish weights with a model card on the Hugging Face Hub."""
    from prismgan.weights import load_weights
    from prismgan.weights.hub import push

    typer.echo(push(load_weights(weights), repository, private=private, licence=licence))


app.command(epilog=examples("add-task --name mine --exemplar painting.jpg --out mine.safetensors"))(add_task)
app.command(epilog=examples("remove-task mine.safetensors --name comic --out smaller.safetensors"))(remove_task)
app.command(epilog=examples("rename-task mine.safetensors --from mine --to monet --out mine.safetensors"))(rename_task)


class ResumesAuto(TyperCommand):
    """Accepts ``--resume auto`` as well as ``--resume`` without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        words: list[str] = []
        for word in args:
            if word == "--resume=auto" or (word == "auto" and words[-1:] == ["--resume"]):
                words[len(words) - (word == "auto") :] = ["--resume-auto"]
            else:
                words.append(word)
        return super().parse_args(ctx, words)


@app.command(
    cls=ResumesAuto,
    epilog=examples(
        "train recipe:quick --run runs/quick",
        "train recipe.yaml --run runs/mine --minutes 30",
        "train recipe.yaml --run runs/mine --set model.rate=1e-3 --steps 2000",
        "train recipe.yaml --run runs/mine --resume auto",
    ),
)
def train(
    recipe: options.RecipeFile,
    run: Annotated[Path, Option(help="Write all results of the training into this folder.")],
    steps: Annotated[int | None, Option(min=1, help="Number of steps, instead of the recipe's.")] = None,
    settings: options.Settings = None,
    resume: Annotated[bool, Option("--resume", help="Continue from the run's last checkpoint.")] = False,
    resume_auto: Annotated[
        bool, Option("--resume-auto", help="Same as --resume auto: continue if there is a checkpoint, otherwise start.")
    ] = False,
    minutes: Annotated[
        float | None, Option(min=0.05, help="Minutes of training, instead of steps; such a run cannot be resumed.")
    ] = None,
    start: Annotated[
        Path | None, Option("--from", readable=False, help="Start from the weights in this file, as far as they fit.")
    ] = None,
) -> None:
    """Train one network for all tasks of a recipe."""
    from prismgan.recipes.text import load
    from prismgan.training.display import Terminal
    from prismgan.training.trainer import Trainer

    overrides = [*(settings or []), *([] if steps is None else [f"training.steps={steps}"])]
    if minutes is not None and (resume or resume_auto):
        fail("--minutes and --resume: a training limited by --minutes cannot be resumed; use --from with its weights")
    if minutes is not None and steps is not None:
        fail("--minutes and --steps: only one of them can set the length; leave the other out")
    how: bool | Literal["auto"] = "auto" if resume_auto else resume
    trainer = Trainer(load(recipe, overrides), run, resume=how, display=Terminal(), minutes=minutes, start_from=start)
    finished = trainer.train()
    if trainer.rank == 0:
        typer.echo(f"weights  {trainer.run.weights}")
        if finished:
            typer.echo(f"report   {trainer.run.report}")
        elif minutes is None:
            typer.echo("continue with the same command" + ("" if resume_auto else " and --resume"))
        else:
            typer.echo(f"continue with another --run and --from {trainer.run.weights}")


app.add_typer(recipe_app, name="recipe")
app.add_typer(data_app, name="data")
app.command(
    epilog=examples(
        "compare recipe:compare-quick",
        "compare recipe.yaml --models prism,experts --seeds 3",
        "compare recipe.yaml --vary model.balancer=fixed,dwa --steps 500",
    )
)(compare)
app.command(epilog=examples("evaluate --data photos", "evaluate mine.safetensors --data photos --json"))(evaluate)


@app.command(epilog=examples("report runs/quick"))
def report(run: Annotated[Path, Argument(help="The folder of the run.")]) -> None:
    """Write the report of a running or stopped training."""
    from prismgan.recipes.text import load
    from prismgan.report import write_report

    recipe = run / "recipe.yaml"
    if not recipe.exists():
        fail(f"{run}: holds no training; name the folder that was given to prismgan train as --run")
    typer.echo(write_report(run, title=load(recipe).name))


@app.command(epilog=examples("info", "info mine.safetensors --json"))
def info(weights: options.WeightsFile = None, as_json: options.AsJson = False) -> None:
    """Print the tasks and the size of a weights file."""
    from prismgan.weights import find_weights, load_weights

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


app.command(
    epilog=examples(
        "export --out looks.onnx --tasks comic,pencil",
        "export --out small.onnx --precision int8 --calibrate photos",
        "export --format site --out site",
    )
)(export)
app.command(epilog=examples("sample runs/digits/weights.safetensors --count 24 --out digits.png"))(sample)


def main() -> None:
    """Run the command line; an error that the user can fix is one line on stderr and exit code 2."""
    # torch's waiting threads keep a core busy for a while before they sleep. The default is so long that one other busy
    # program makes training ten times slower; this value costs 3 % if nothing else runs.
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
            # Our own files are written by name; an error without a name concerns the standard output.
            if error.errno != errno.ENOSPC:
                raise
            print("prismgan: the standard output cannot be written to (the disk is full)", file=sys.stderr)
            os._exit(2)  # Python would try to write the rest again
        # A file that cannot even be accessed, or has an impossible name.
        print(one_line(f"prismgan: {error.filename}: {error.strerror}; use another file or name"), file=sys.stderr)
        sys.exit(2)
