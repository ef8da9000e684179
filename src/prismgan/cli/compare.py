"""The command ``compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prismgan.cli.conventions import RecipeFile, Settings, names
from prismgan.packages import require_training

__all__ = ["compare"]


def compare(
    recipe: RecipeFile,
    models: Annotated[
        str | None,
        typer.Option(help="Compare these models, separated by commas; by default all, and with --vary prism alone."),
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH=VALUE,VALUE",
            help="Compare values of a field, for example model.balancer=fixed,dwa. Repeatable.",
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=100, help="Train each model with so many seeds, from the recipe's on.")
    ] = 3,
    out: Annotated[Path, typer.Option(help="Write runs, figures and report into this folder.")] = Path("runs/compare"),
    steps: Annotated[
        int | None, typer.Option(min=1, help="Train each for so many steps, instead of the recipe's.")
    ] = None,
    settings: Settings = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the trainings that are not finished.")] = False,
) -> None:
    """Train several models at the same budget and compare them.

    The report says which differences are larger than noise. The first model is the one that the others are
    compared with. `experts` trains a separate network for each task.
    """
    require_training()
    from prismgan.comparison import JOINT, MODELS, Axis, compare, find_contenders

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
