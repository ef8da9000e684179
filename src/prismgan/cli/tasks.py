"""The commands that edit the tasks of a weights file: ``add-task``, ``remove-task``, ``rename-task``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from prismgan.cli.options import WeightsFile, fail

if TYPE_CHECKING:
    from prismgan.weights import Weights

NewFile = Annotated[Path, Option(help="Write this file; it may be the weights file itself.")]


def add_task(
    name: Annotated[str, Option(help="Give the new task this name.")],
    exemplar: Annotated[
        list[str], Option(help="Learn the style of this picture, or of all in this folder. Repeatable.")
    ],
    out: NewFile,
    weights: WeightsFile = None,
    minutes: Annotated[float | None, Option(min=0.05, max=6000, help="Minutes of training; 5 by default.")] = None,
    steps: Annotated[int | None, Option(min=1, help="Number of training steps, instead of minutes.")] = None,
    photos: Annotated[Path | None, Option(help="Train on the photos in this folder; by default built-in ones.")] = None,
    strength: Annotated[
        float | None, Option("--strength-of-style", min=0.01, help="Set the weight of the style; 12 by default.")
    ] = None,
    size: Annotated[
        int | None, Option(min=64, max=2048, help="Reduce exemplars to this longest side: smaller means a finer brush.")
    ] = None,
    latent: Annotated[bool, Option("--latent", help="Let the output vary with --seed.")] = False,
    preview: Annotated[list[str] | None, Option(help="Show this picture in the preview. Repeatable.")] = None,
) -> None:
    """Add a style, learnt from one or a few pictures, to weights.

    The outputs of the other tasks do not change. Ctrl-C ends the training early and keeps the style as it is."""
    if minutes is not None and steps is not None:
        fail("--minutes and --steps: only one of them can set the length; leave the other out")

    from prismgan.training.display import Terminal
    from prismgan.training.head_training import add_task, preview_path

    fields = {"style_weight": strength, "exemplar_size": size, "latent": latent}
    add_task(
        weights,
        out,
        name=name,
        exemplars=exemplar,
        display=Terminal(),
        style={field: value for field, value in fields.items() if value is not None},
        photos=photos,
        previews=preview or (),
        minutes=5.0 if minutes is None else minutes,
        steps=steps,
    )
    typer.echo(f"weights  {out}")
    typer.echo(f"preview  {preview_path(out)}")


def remove_task(
    name: Annotated[list[str], Option(help="Remove the task with this name. Repeatable.")],
    out: NewFile,
    weights: WeightsFile = None,
) -> None:
    """Remove tasks from weights. The outputs of the other tasks do not change."""
    from prismgan.weights import load_weights, remove_tasks

    before = load_weights(weights)
    _replace(out, before, remove_tasks(before, name))


def rename_task(
    old: Annotated[str, Option("--from", metavar="NAME", help="Rename the task with this name.")],
    new: Annotated[str, Option("--to", metavar="NAME", help="Give it this name.")],
    out: NewFile,
    weights: WeightsFile = None,
) -> None:
    """Rename a task in weights."""
    from prismgan.weights import load_weights, rename_task

    before = load_weights(weights)
    _replace(out, before, rename_task(before, old, new))


def _replace(out: Path, before: Weights, after: Weights) -> None:
    from prismgan.weights import check_no_task_lost

    check_no_task_lost(out, before, [entry.name for entry in after.header.tasks])
    after.save(out)
    typer.echo(out)
