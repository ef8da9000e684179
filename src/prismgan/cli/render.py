"""The command ``render``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prismgan.cli.conventions import (
    Blends,
    Brush,
    Fast,
    Memory,
    OutFolder,
    RuntimeOption,
    Strengths,
    TaskNames,
    WeightsOption,
    fail,
    names,
    parsed_blends,
    parsed_size,
    parsed_strengths,
)

__all__ = ["render"]

MOST_VARIATIONS = 1000


def render(
    pictures: Annotated[
        list[str],
        typer.Argument(
            help="The pictures: files, folders, or patterns in quotes, for example 'photos/**/*.jpg'.",
            show_default=False,
        ),
    ],
    out: OutFolder = Path("looks"),
    weights: WeightsOption = None,
    tasks: TaskNames = None,
    strength: Strengths = None,
    blend: Blends = None,
    seed: Annotated[int, typer.Option(help="Draw the latent of tasks that vary with this seed.")] = 0,
    variations: Annotated[
        int, typer.Option(help="Make so many outputs of each task that varies, with one seed each.")
    ] = 1,
    chain: Annotated[
        str | None,
        typer.Option(help="Apply these tasks one after the other, for example restore,enlarge-2x, before all others."),
    ] = None,
    brush: Brush = None,
    mask: Annotated[
        Path | None,
        typer.Option(
            readable=False,
            help="Change the picture only where this grey picture is white; where it is black, the source stays.",
        ),
    ] = None,
    memory: Memory = None,
    runtime: RuntimeOption = "torch",
    fast: Fast = False,
    with_sheet: Annotated[
        bool, typer.Option("--sheet", help="Also write a sheet with all outputs of a picture.")
    ] = False,
    suffix: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="Write png, jpg, webp, tiff or avif.")
    ] = "png",
    quality: Annotated[int, typer.Option(help="Set the quality of jpg, webp and avif, from 1 to 100.")] = 95,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Render again what is there already.")] = False,
) -> None:
    """Render pictures into all tasks, in one pass each.

    Outputs that are there already, newer than their picture and made with the same options, are kept.
    """
    if not 1 <= variations <= MOST_VARIATIONS:
        fail(f"--variations {variations}: expected 1 to {MOST_VARIATIONS}")
    strengths, blends = parsed_strengths(strength or []), parsed_blends(blend or [])
    limit = None if memory is None else parsed_size(memory)

    from prismgan.cli.progress import RenderProgress
    from prismgan.images import check_format
    from prismgan.render.files import FileRenderer, read_mask
    from prismgan.render.jobs import find_jobs
    from prismgan.render.renderer import Renderer
    from prismgan.render.request import Request

    check_format(suffix, quality)
    request = Request(
        tasks=None if tasks is None else tuple(names(tasks)),
        strength=strengths,
        blends=blends,
        seeds=tuple(range(seed, seed + variations)),
        chain=tuple(names(chain or "")),
        brush=brush,
    )
    jobs = find_jobs(pictures, out)
    renderer = FileRenderer(
        Renderer.load(weights, limit, runtime, fast=fast),
        request,
        suffix=suffix,
        quality=quality,
        with_sheet=with_sheet,
        mask=None if mask is None else read_mask(mask),
        overwrite=overwrite,
    )
    waiting = [job for job in jobs if overwrite or not renderer.is_done(job)]
    if done := len(jobs) - len(waiting):
        pictures_are = "1 picture is" if done == 1 else f"{done} pictures are"
        typer.echo(f"{pictures_are} done already with these options (--overwrite repeats it)", err=True)
    problems = []
    try:
        with RenderProgress(len(waiting)) as progress:
            for rendered in renderer.render(waiting, progress):
                for path in rendered.written:
                    progress.written(path)
                if rendered.problem is not None:
                    problems.append(rendered.problem)
    finally:  # also where the disk is full, which ends the command
        for problem in problems:
            typer.echo(f"prismgan: {problem}", err=True)
    if problems:
        raise typer.Exit(2 if len(problems) == len(jobs) else 1)
