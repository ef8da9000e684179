"""The command ``compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prismgan.cli.conventions import RecipeFile, Settings, names

__all__ = ["compare"]


def compare(
    recipe: RecipeFile,
    models: Annotated[
        str | None,
        typer.Option(help="Separated by commas; all that there are by default, and prism alone with --vary."),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH=VALUE,VALUE", help="Compare values of a field, as model.balancer=fixed,dwa. Repeatable."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Trainings of each, with seeds from the recipe's on.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder for runs, figures and report.")] = Path("runs/compare"),
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of each training, instead of the recipe's.")] = None,
    settings: Settings = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the trainings that are not done.")] = False,
) -> None:
    """Train several models on a recipe at the same budget, and report which is better at what, beyond noise.

    The first is what the others are compared with. `experts` is a separate network for each task.
    """
    from prismgan.training.comparison import JOINT, MODELS, Axis, compare, find_contenders

    overrides = [*(settings or []), *([] if steps is None else [f"training.steps={steps}"])]
    everybody = [JOINT] if vary else list(MODELS)
    contenders = find_contenders(
        recipe,
        overrides,
        everybody if models is None else names(models),
        [Axis.parse(text) for text in vary or []],
    )
    report = compare(contenders, seeds, out, resume=resume)
    if report is None:
        typer.echo("go on with the same command and --resume")
    else:
        typer.echo(f"figures  {out / 'compare.json'}")
        typer.echo(f"report   {report}")
