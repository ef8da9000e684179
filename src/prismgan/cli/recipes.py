"""The commands of the groups ``recipe`` and ``data``."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from prismgan.cli import options
from prismgan.cli.options import GROUP, examples, fail, print_json

data_app = typer.Typer(help="Check the data of a recipe.", **GROUP)
recipe_app = typer.Typer(help="List, write and explain recipes.", **GROUP)


@data_app.command("check", epilog=examples("data check recipe.yaml", "data check recipe:quick --set data.workers=0"))
def data_check(recipe: options.RecipeFile, settings: options.Settings = None) -> None:
    """List all problems with the data of a recipe."""
    from prismgan import data
    from prismgan.recipes.text import load

    loaded = load(recipe, settings or [])
    tasks = loaded.all_tasks()
    problems = data.check(loaded.data, [*tasks, *loaded.other_tasks()], loaded.training.crop)
    for problem in problems:
        typer.echo(f"{problem.severity}: {problem}", err=True)
    if errors := sum(problem.severity == "error" for problem in problems):
        fail(f"{recipe}: {errors} problem{'s' if errors > 1 else ''} with the data")
    for count in data.summary(*data.split(data.rows(loaded.data), loaded.data), tasks):
        targets = ", ".join(f"{name} {number}" for name, number in count.targets.items())
        noun = "picture" if count.rows == 1 else "pictures"
        typer.echo(f"{count.split:<6} {count.collection:<20} {count.rows:>6} {noun:<8}   {targets}")
    typer.echo("the data fits the tasks")


@recipe_app.command("init", epilog=examples("recipe init photos", "recipe init photos --style painting.jpg"))
def recipe_init(
    folder: Annotated[Path, Argument(help="The folder with your photos.")],
    out: Annotated[Path, Option(help="Write this file; an existing one is not replaced.")] = Path("recipe.yaml"),
    style: Annotated[list[Path] | None, Option(help="Add a task for the style of this picture. Repeatable.")] = None,
) -> None:
    """Write a first recipe for a folder of photos, with comments."""
    from prismgan.recipes import write_first_recipe

    count, run = write_first_recipe(folder, out, style or ())
    typer.echo(out)
    photos = "1 photo" if count == 1 else f"{count} photos"
    typer.echo(f"{photos}; train with: prismgan train {out} --run {run} --minutes 30", err=True)


@recipe_app.command("list", epilog=examples("recipe list", "train recipe:quick --run runs/quick"))
def recipe_list() -> None:
    """List the built-in recipes.

    Commands accept them as recipe:NAME."""
    from prismgan.recipes import PREFIX, built_in, caption

    for name, path in built_in().items():
        typer.echo(f"{PREFIX}{name:<16} {caption(path.read_text(encoding='utf-8'))}")


@recipe_app.command("show", epilog=examples("recipe show quick", "recipe show paired > my-pairs.yaml"))
def recipe_show(name: Annotated[str, Argument(help="The name of a built-in recipe.")]) -> None:
    """Print a built-in recipe."""
    from prismgan.recipes import read_built_in

    typer.echo(read_built_in(name), nl=False)


@recipe_app.command("schema", epilog=examples("recipe schema > recipe.schema.json"))
def recipe_schema() -> None:
    """Print the JSON schema of recipes, for editors."""
    from prismgan.recipes.text import schema

    print_json(schema())


@recipe_app.command("reference", epilog=examples("recipe reference > recipe.md"))
def recipe_reference() -> None:
    """Print the meaning of every field of a recipe."""
    from prismgan.recipes.reference import reference

    typer.echo(reference(), nl=False)
