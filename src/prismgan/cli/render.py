"""The command ``render``."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from prismgan.cli import options
from prismgan.cli.options import fail, is_clustered, parsed_request, parsed_size

MOST_VARIATIONS = 1000
FAILED = "failed.jsonl"  # name of the file beside the results that lists failed pictures, if others succeeded


def render(
    pictures: Annotated[
        list[str],
        Argument(
            help="The pictures: files, folders, or quoted patterns such as 'photos/**/*.jpg'; also addresses of "
            "object stores, for example s3://bucket/photos."
        ),
    ],
    out: Annotated[str, Option(help="Folder or address for the results, one sub-folder for each picture.")] = "looks",
    weights: options.WeightsOption = None,
    tasks: options.TaskNames = None,
    strength: options.Strengths = None,
    blend: options.Blends = None,
    seed: Annotated[int, Option(help="Seed of the latent, for tasks that vary.")] = 0,
    variations: Annotated[int, Option(help="Number of outputs, with one seed each, of every task that varies.")] = 1,
    chain: Annotated[str | None, Option(help="Apply these tasks one after the other, before all others.")] = None,
    brush: options.Brush = None,
    mask: Annotated[Path | None, Option(readable=False, help="Apply looks only where this picture is white.")] = None,
    memory: options.Memory = None,
    runtime: options.RuntimeOption = "torch",
    fast: options.Fast = False,
    with_sheet: Annotated[bool, Option("--sheet", help="Also write a sheet with all outputs of a picture.")] = False,
    suffix: Annotated[str, Option("--format", metavar="FORMAT", help="Write png, jpg, webp, tiff or avif.")] = "png",
    quality: Annotated[int, Option(help="Set the quality of jpg, webp and avif, from 1 to 100.")] = 95,
    overwrite: Annotated[bool, Option("--overwrite", help="Also render outputs that are up to date.")] = False,
    engine: options.Engine = "local",
    address: options.Address = None,
    workers: options.Workers = None,
) -> None:
    """Render the outputs of all tasks, in one pass per picture.

    Existing outputs that are newer than their picture and were made with the same options are kept."""
    if not 1 <= variations <= MOST_VARIATIONS:
        fail(f"--variations {variations}: expected 1 to {MOST_VARIATIONS}")
    limit = parsed_size(memory)
    clustered = is_clustered(engine, address, workers)
    request = parsed_request(tasks, strength, blend, range(seed, seed + variations), brush, chain)

    from prismgan.cli.progress import RenderProgress
    from prismgan.cluster import connected
    from prismgan.images import check_format
    from prismgan.render.clustered import RenderingOfFiles, render_on_cluster
    from prismgan.render.files import read_mask
    from prismgan.render.jobs import find_jobs
    from prismgan.render.stored import find_stored_jobs, is_address, remove, write
    from prismgan.weights import load_weights

    check_format(suffix, quality)
    stored = any(map(is_address, (*pictures, out)))
    jobs: Sequence[Any] = find_stored_jobs(pictures, out) if stored else find_jobs(pictures, Path(out))
    how = {"memory": limit, "runtime": runtime, "fast": fast}
    files = {"request": request, "suffix": suffix, "quality": quality, "with_sheet": with_sheet, "overwrite": overwrite}
    files["mask"] = None if mask is None else read_mask(mask)
    rendering = RenderingOfFiles(load_weights(weights).without("discriminator"), how, files, out, stored)
    renderer: Any = rendering.renderer()
    waiting = jobs if overwrite else renderer.waiting(jobs)
    if done := len(jobs) - len(waiting):
        pictures_are = "1 picture is" if done == 1 else f"{done} pictures are"
        typer.echo(f"{pictures_are} already done with these options (--overwrite repeats it)", err=True)
    failed = []
    try:
        with ExitStack() as stack:
            if clustered and waiting:
                renderer.refuse_clashes(waiting)
                stack.enter_context(connected(address))
            progress = stack.enter_context(RenderProgress(len(waiting)))
            if clustered:
                made = render_on_cluster(waiting, rendering, workers=workers, progress=progress, remark=progress.remark)
            else:
                made = renderer.render(waiting, progress)
            for rendered in made:
                for path in rendered.written:
                    progress.written(path)
                if rendered.problem is not None:
                    failed.append({"source": str(rendered.source), "problem": rendered.problem, "node": rendered.node})
    finally:  # also if the disk is full, which ends the command
        for row in failed:
            typer.echo(f"prismgan: {row['problem']}", err=True)
    if len(failed) == len(jobs):
        raise typer.Exit(2)
    if failed:
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in failed)
        write(f"{out}/{FAILED}", lines.encode(errors="surrogateescape"))
        raise typer.Exit(1)
    remove(f"{out}/{FAILED}")
