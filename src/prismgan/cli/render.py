"""The command ``render``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prismgan.cli.conventions import (
    Fast,
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
        typer.Argument(help="Pictures, folders of pictures, or patterns as 'photos/**/*.jpg'.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results, a folder in it per picture.", show_default=False)],
    weights: WeightsOption = None,
    tasks: TaskNames = None,
    strength: Strengths = None,
    blend: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME:]TASK=NUMBER,...", help="One more picture, of several looks mixed. Repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the latent, for tasks that vary.")] = 0,
    variations: Annotated[int, typer.Option(help="Pictures of each task that varies, of as many seeds.")] = 1,
    chain: Annotated[
        str | None,
        typer.Option(help="Tasks to apply one after the other, before all others, as restore,enlarge-2x."),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(readable=False, help="A grey picture: white where to render, black where the source stays."),
    ] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Most to take, as 2GB or 800MB; large pictures go in tiles.")
    ] = None,
    runtime: RuntimeOption = "torch",
    fast: Fast = False,
    with_sheet: Annotated[
        bool, typer.Option("--sheet", help="Also write all looks of a picture on one sheet.")
    ] = False,
    suffix: Annotated[str, typer.Option("--format", metavar="FORMAT", help="png, jpg, webp, tiff or avif.")] = "png",
    quality: Annotated[int, typer.Option(help="1 to 100, for jpg, webp and avif.")] = 95,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also render what is done already, whatever the options were.")
    ] = False,
) -> None:
    """Render pictures into several tasks by one pass of the network."""
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
    if len(waiting) < len(jobs):
        typer.echo(f"skipped {len(jobs) - len(waiting)} that are done (--overwrite renders them again)", err=True)
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
