"""Rendering a clip into a folder: frames into segments, segments into a file of every look."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

from prismgan.errors import PictureError, PrismganError
from prismgan.render import Renderer, Request
from prismgan.render.stages import WORKING_MEMORY, stages
from prismgan.render.video.clip import Clip
from prismgan.render.video.join import Target, join
from prismgan.render.video.pipeline import Pipeline
from prismgan.render.video.segment import ClipJob
from prismgan.render.video.settings import Listener, Outcome, Preview, Settings

WHOLE = 0.9
"""Share of the seconds that a file announces from which it is whole; its sound may last longer than its frames."""


def with_fixed_memory(renderer: Renderer, request: Request, clip: Clip, settings: Settings) -> Renderer:
    """The renderer, with a limit of its memory if it has none, one that does not depend on what is free: all frames of
    a clip, and those of a resumed job, are to be cut into the same tiles.
    """
    if renderer.memory is not None:
        return renderer
    stage = next(stages(renderer.plan(request), clip.height, clip.width, 8, settings.batch))
    renderer = copy.copy(renderer)  # the caller's keeps its own limit
    renderer.memory = stage.held + WORKING_MEMORY
    return renderer


def render_clip(
    clip: Clip,
    folder: Path,
    target: Target,
    job: ClipJob,
    renderer: Renderer,
    request: Request,
    settings: Settings,
    listener: Listener,
    preview: Preview,
) -> Outcome:
    """Render a clip into ``folder/NAME.mp4`` for every output; go on behind the segments that are finished.

    Args:
        clip: the source.
        folder: for the results.
        target: the kind of file that they are.
        job: the segments; removed once the results are written.
        renderer: what renders.
        request: the outputs; no chain, no mask, one seed.
        settings: how to write it.
        listener: told how it goes on. What it raises ends the job.
        preview: shown every frame.

    Raises:
        PrismganError: a frame cannot be rendered, the clip cannot be read any more, or something not be written.
    """
    for remark in _remarks(clip, target):
        listener.remark(remark)
    if job.records:
        listener.remark(f"going on behind {len(job.times)} frames that are finished")
    outcome = Pipeline(clip, job, renderer, request, settings, listener, preview).run()
    outcome.written = _join(clip, target, job, settings, listener, folder)
    job.remove()
    length = float((job.end - job.times[0]) * clip.time_base)
    if clip.seconds is not None and length < WHOLE * clip.seconds:
        listener.remark(f"{clip.name}: breaks off after {length:.1f} of {clip.seconds:.1f} seconds; is it whole?")
    return outcome


def _join(clip: Clip, target: Target, job: ClipJob, settings: Settings, listener: Listener, folder: Path) -> list[Path]:
    """The outputs' files, made of the segments; all appear once all are whole."""
    times = job.times
    if not times:
        raise PictureError(f"{clip.name}: no frame of it can be decoded any more; was the file changed?")
    last = job.end - times[-1]
    joined = [job.folder / f"{name}{target.suffix}" for name in job.outputs]
    for name, path in zip(job.outputs, joined, strict=True):
        listener.joining(path)
        # The grid's pictures are upright already, or its labels would be turned.
        join(path, job.segments(name), times, last, clip, target.copied, turned=not settings.is_grid(name))
    try:
        return [path.replace(folder / path.name) for path in joined]
    except OSError as error:
        raise PrismganError(f"{folder}: results cannot be written ({error.strerror or error})") from None


def _remarks(clip: Clip, target: Target) -> Iterator[str]:
    """Notes about the outputs, for the user."""
    if clip.width % 2 or clip.height % 2:
        yield (
            f"{clip.name}: has {clip.width}x{clip.height} pixels, and encoders take even sides alone; "
            "the last row or column of odd outputs is doubled"
        )
    if clip.interlaced:
        yield f"{clip.name}: is interlaced, and rendered as if it were not; deinterlace it first"
    if target.left_out:
        yield f"{clip.name}: no container takes its {', '.join(target.left_out)} streams, which are left out"
    if target.suffix == ".mkv" and (1000 * clip.time_base).denominator != 1:
        yield f"{clip.name}: its sound or subtitles fit Matroska (.mkv) alone, which rounds times to milliseconds"
