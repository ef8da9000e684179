"""The command ``video``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from prismgan.render.video.settings import Outcome

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C has ended, as shells have it."""


def video(
    clip: Annotated[Path, typer.Argument(help="The clip, or - to read it from a pipe.", show_default=False)],
    out: OutFolder = Path("looks"),
    weights: WeightsOption = None,
    tasks: TaskNames = None,
    strength: Strengths = None,
    blend: Blends = None,
    seed: Annotated[
        int, typer.Option(help="Draw the latent of tasks that vary with this seed, one for all frames.")
    ] = 0,
    brush: Brush = None,
    with_grid: Annotated[
        bool, typer.Option("--grid", help="Also write a clip that shows the source and all outputs side by side.")
    ] = False,
    quality: Annotated[
        int, typer.Option(help="Encode with this constant rate factor, from 0 (best, largest) to 51.")
    ] = 18,
    codec: Annotated[str, typer.Option(help="Encode with libx264 or libx265.")] = "libx264",
    memory: Memory = None,
    batch: Annotated[
        int, typer.Option(min=1, max=64, help="Render so many frames together; several are faster on a GPU.")
    ] = 1,
    runtime: RuntimeOption = "auto",
    fast: Fast = False,
    steady: Annotated[
        float,
        typer.Option(
            help="Keep this part of a style's last frame, moved along, in the next, against flicker: 0 to 0.95.",
        ),
    ] = 0.88,
    segment: Annotated[
        float, typer.Option(metavar="SECONDS", help="Save so often; a job that is killed loses no more than that.")
    ] = 10.0,
    report: Annotated[
        bool, typer.Option("--report", help="Print the speed, and how much the outputs flicker.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start anew, and replace earlier results.")] = False,
) -> None:
    """Render a clip into several, with its sound.

    All outputs come from one pass of the network for each frame. The same command goes on with a job that was stopped.
    """
    if not 0.1 <= segment <= 3600:
        fail(f"--segment {segment:g}: expected 0.1 to 3600 seconds")
    strengths, blends = parsed_strengths(strength or []), parsed_blends(blend or [])
    limit = None if memory is None else parsed_size(memory)

    from prismgan.cli.progress import VideoProgress
    from prismgan.packages import require
    from prismgan.render import Renderer, Request
    from prismgan.render.video.files import render_file
    from prismgan.render.video.segment import Encoding
    from prismgan.render.video.settings import Settings

    require("clips", "video", *(["av", "cv2"] if steady or report else ["av"]))
    settings = Settings(Encoding(codec, quality), with_grid, segment, batch, steady)
    request = Request(
        tasks=None if tasks is None else tuple(names(tasks)),
        strength=strengths,
        blends=blends,
        seeds=(seed,),
        brush=brush,
    )
    renderer = Renderer.load(weights, limit, runtime, fast=fast)
    try:
        with VideoProgress() as progress:
            outcome = render_file(clip, out, renderer, request, settings, progress, overwrite=overwrite)
    except KeyboardInterrupt:  # render_file has said what is kept
        raise typer.Exit(INTERRUPTED) from None
    if outcome is None:
        typer.echo("all outputs are done already with these options (--overwrite repeats it)", err=True)
        return
    for path in outcome.written:
        typer.echo(path)
    if outcome.damaged:
        typer.echo(f"{outcome.damaged} damaged frames in the clip were left out or mended", err=True)
    if report:
        _report(clip, outcome, with_grid)


def _report(clip: Path, outcome: Outcome, with_grid: bool) -> None:
    """How fast it went, and how steady the looks are."""
    from prismgan.render.video.consistency import clip_consistency

    made = outcome.frames - outcome.resumed
    typer.echo(
        f"{made} frames in {outcome.seconds:.1f} s, {made / outcome.seconds:.2f} a second; {outcome.busy:.0%} of the "
        f"time the network or the encoders worked, {outcome.decoding / outcome.seconds:.0%} they waited for frames"
    )
    if str(clip) == "-":
        typer.echo("steadiness is not measured of a clip that came through a pipe", err=True)
        return
    looks = {path.stem: path for path in outcome.written}
    if with_grid:
        del looks["grid"]
    ratios = clip_consistency(clip, looks)
    if not ratios:
        typer.echo("steadiness cannot be measured: nothing moves or changes in the clip's first frames", err=True)
    for name, ratio in ratios.items():
        typer.echo(f"{name}: flickers {ratio:.2f} times as much as the source")
