"""The command ``video``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from prismgan.cli import options
from prismgan.cli.options import fail, is_clustered, parsed_request, parsed_size
from prismgan.errors import PrismganError

if TYPE_CHECKING:
    from prismgan.render.video.settings import Outcome

INTERRUPTED = 130  # the exit code after Ctrl-C, as in shells


def video(
    clips: Annotated[list[Path], Argument(help="The clips, or - to read one from a pipe.")],
    out: options.OutFolder = Path("looks"),
    weights: options.WeightsOption = None,
    tasks: options.TaskNames = None,
    strength: options.Strengths = None,
    blend: options.Blends = None,
    seed: Annotated[int, Option(help="Seed of the latent, for tasks that vary; the same for all frames.")] = 0,
    brush: options.Brush = None,
    with_grid: Annotated[bool, Option("--grid", help="Also write a clip with the source and all outputs.")] = False,
    quality: Annotated[int, Option(help="Constant rate factor of the encoder, from 0 (best, largest) to 51.")] = 18,
    codec: Annotated[str, Option(help="Encode with libx264 or libx265.")] = "libx264",
    memory: options.Memory = None,
    batch: Annotated[int, Option(min=1, max=64, help="Frames rendered together; several are faster on a GPU.")] = 1,
    runtime: options.RuntimeOption = "auto",
    fast: options.Fast = False,
    steady: Annotated[float, Option(help="Share of the last frame kept, against a style's flicker: 0 to 0.95.")] = 0.89,
    segment: Annotated[
        float, Option(metavar="SECONDS", help="Save after each part of this length; a killed job loses at most one.")
    ] = 10.0,
    report: Annotated[bool, Option("--report", help="Print the speed and the flicker of the outputs.")] = False,
    overwrite: Annotated[bool, Option("--overwrite", help="Start again, and replace earlier results.")] = False,
    engine: options.Engine = "local",
    address: options.Address = None,
    workers: options.Workers = None,
) -> None:
    """Render the outputs of all tasks for clips, with sound.

    All outputs come from one pass of the network per frame. The same command continues an interrupted job."""
    if not 0.1 <= segment <= 3600:
        fail(f"--segment {segment:g}: expected 0.1 to 3600 seconds")
    limit = parsed_size(memory)
    clustered = is_clustered(engine, address, workers)
    if Path("-") in clips and (clustered or len(clips) > 1):
        fail("-: a pipe can be read only by this process; save it to a file first")
    request = parsed_request(tasks, strength, blend, range(seed, seed + 1), brush)

    from prismgan.cli.progress import RenderProgress, VideoProgress
    from prismgan.cluster import connected
    from prismgan.packages import require
    from prismgan.render.clustered import ClipRendering, render_clips_on_cluster
    from prismgan.render.video.files import check_clips
    from prismgan.render.video.segment import Encoding
    from prismgan.render.video.settings import Settings
    from prismgan.weights import load_weights

    require("clips", "video", *(["av", "cv2"] if steady or report else ["av"]))
    settings = Settings(Encoding(codec, quality), with_grid, segment, batch, steady)
    how = {"memory": limit, "runtime": runtime, "fast": fast}
    rendering = ClipRendering(load_weights(weights).without("discriminator"), how, request, settings, out, overwrite)
    check_clips(clips, out)

    def outcomes() -> Iterator[tuple[Path, Outcome | PrismganError | None]]:
        if clustered:
            with connected(address), RenderProgress(len(clips), "clips") as bar:
                yield from render_clips_on_cluster(clips, rendering, workers, bar, bar.remark)
        else:
            render = rendering.clip_renderer()
            for clip in clips:
                with VideoProgress() as progress:
                    outcome = render(clip, progress)
                yield clip, outcome

    problems = []
    try:
        for clip, outcome in outcomes():
            where = f"{clip}: " if len(clips) > 1 else ""
            if isinstance(outcome, PrismganError):
                problems.append(str(outcome))
            elif outcome is None:
                typer.echo(f"{where}all outputs are already done with these options (--overwrite repeats it)", err=True)
            else:
                for path in outcome.written:
                    typer.echo(path)
                if outcome.damaged:
                    remark = f"{outcome.damaged} damaged frames in the clip were skipped or repaired"
                    typer.echo(f"{where}{remark}", err=True)
                if report:
                    _report(clip, outcome, with_grid, where)
    except KeyboardInterrupt:  # render_file has printed what is kept
        raise typer.Exit(INTERRUPTED) from None
    for problem in problems:
        for line in problem.splitlines():
            typer.echo(f"prismgan: {line}", err=True)
    if problems:
        raise typer.Exit(2 if len(problems) == len(clips) else 1)


def _report(clip: Path, outcome: Outcome, with_grid: bool, where: str) -> None:
    from prismgan.render.video.consistency import clip_consistency

    made = outcome.frames - outcome.resumed
    typer.echo(
        f"{where}{made} frames in {outcome.seconds:.1f} s, {made / outcome.seconds:.2f} a second; "
        f"{outcome.busy:.0%} of the time the network or the encoders worked, "
        f"{outcome.decoding / outcome.seconds:.0%} they waited for frames"
    )
    if str(clip) == "-":
        typer.echo(f"{where}flicker is not measured for a clip that came through a pipe", err=True)
        return
    looks = {path.stem: path for path in outcome.written}
    if with_grid:
        del looks["grid"]
    ratios = clip_consistency(clip, looks)
    if not ratios:
        typer.echo(f"{where}flicker cannot be measured: nothing moves or changes in the clip's first frames", err=True)
    for name, ratio in ratios.items():
        typer.echo(f"{where}{name}: flickers {ratio:.2f} times as much as the source")
