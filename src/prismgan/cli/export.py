"""The command ``export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from prismgan.cli.conventions import AsJson, WeightsFile, names, print_json

__all__ = ["export"]


def export(
    out: Annotated[Path, typer.Option(metavar="FILE.onnx", help="The file to write.", show_default=False)],
    weights: WeightsFile = None,
    tasks: Annotated[str | None, typer.Option(help="Names of tasks, separated by commas; all by default.")] = None,
    precision: Annotated[
        Literal["float32", "float16", "int8"], typer.Option(help="Of weights and features.")
    ] = "float32",
    calibrate: Annotated[
        list[Path] | None,
        typer.Option(metavar="PICTURES", help="A picture or a folder of them, which int8 needs. Repeatable."),
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Of the weights, for the metadata; known for the ready-made ones.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write an ONNX file for other programs: a source in, a picture per task out.

    Every task's pictures are compared with the network's; a file that differs too much is not written.
    """
    from prismgan.export import export as export_weights
    from prismgan.models.weights import load_weights

    found = export_weights(
        load_weights(weights),
        out,
        tasks=None if tasks is None else names(tasks),
        precision=precision,
        calibrate=calibrate or (),
        licence=licence,
    )
    if as_json:
        print_json(found.content())
        return
    typer.echo(f"{'task':<20} {'scale':>5} {'largest':>9} {'mean':>9}   difference, in 1/255")
    for row in found.tasks:
        typer.echo(f"{row.task:<20} {row.scale:>4}x {row.maximum:>9.5f} {row.mean:>9.5f}   {row.psnr:.1f} dB")
    speed = "" if precision == "float32" else f", {found.speed:.2f} times as fast as float32 on this CPU"
    typer.echo(f"{found.path}: {found.size / 1e6:.1f} MB, {precision}{speed}")
