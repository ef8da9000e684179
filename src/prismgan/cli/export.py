"""The command ``export``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from typer import Option

from prismgan.cli import options
from prismgan.cli.options import fail, names, print_json

if TYPE_CHECKING:
    from prismgan.export.exporter import Exported
    from prismgan.web.site_writer import Site


def export(
    out: Annotated[Path, Option(metavar="FILE.onnx|FOLDER", help="Write this file, or the site into this folder.")],
    weights: options.WeightsFile = None,
    tasks: options.TaskNames = None,
    kind: Annotated[Literal["onnx", "site"], Option("--format", help="Write a file, or a page for browsers.")] = "onnx",
    precision: Annotated[
        Literal["float32", "float16", "int8"], Option(help="Store weights and features in this precision.")
    ] = "float32",
    calibrate: Annotated[
        list[Path] | None, Option(metavar="PICTURES", help="Calibrate int8 with this picture or folder. Repeatable.")
    ] = None,
    onnxruntime_web: Annotated[
        Path | None,
        Option(
            "--onnxruntime-web",
            metavar="FOLDER|TGZ",
            readable=False,
            help="Result of `npm pack onnxruntime-web@1.30.0` for the site; by default npm downloads it.",
        ),
    ] = None,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace an earlier site.")] = False,
    required: Annotated[
        bool,
        Option("--no-defaults", help="Make the ONNX file's inputs strength and latent required; see docs/onnx.md."),
    ] = False,
    licence: Annotated[str | None, Option(help="State the licence of the weights in the metadata.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Write the network for other programs, or as a web page.

    The file for other programs is in ONNX format; the page works on any web server for static files.

    Each task's output is first compared with the network's. Nothing is written if they differ too much."""
    chosen = None if tasks is None else names(tasks)
    from prismgan.weights import load_weights

    loaded = load_weights(weights)
    if kind == "site":
        if precision != "float32" or calibrate or required:
            fail("--precision, --calibrate and --no-defaults are for --format onnx; leave them out for a site")
        from prismgan.web.site_writer import write_site

        site = write_site(loaded, out, tasks=chosen, onnxruntime=onnxruntime_web, licence=licence, overwrite=overwrite)
        parts = ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in site.parts.items())
        _show(site, as_json, f"{site.path}: {sum(site.sizes.values()) / 1e6:.1f} MB ({parts})")
        if not as_json:
            typer.echo(f"to view it: prismgan serve --static {site.path}", err=True)
        return
    if onnxruntime_web is not None or overwrite:
        fail("--onnxruntime-web and --overwrite are for --format site; leave them out")
    from prismgan.export import export as export_weights

    how = partial(export_weights, precision=precision, calibrate=calibrate or (), defaults=not required)
    exported = how(loaded, out, tasks=chosen, licence=licence)
    speed = "" if precision == "float32" else f", {exported.speed:.2f} times as fast as float32 on this CPU"
    _show(exported, as_json, f"{exported.path}: {exported.size / 1e6:.1f} MB, {precision}{speed}")


def _show(written: Site | Exported, as_json: bool, summary: str) -> None:
    if as_json:
        print_json(written.content())
        return
    typer.echo(f"{'task':<20} {'scale':>5} {'largest':>9} {'mean':>9}   difference, in 1/255")
    for row in written.tasks:
        typer.echo(f"{row.task:<20} {row.scale:>4}x {row.maximum:>9.5f} {row.mean:>9.5f}   {row.psnr:.1f} dB")
    typer.echo(summary)
