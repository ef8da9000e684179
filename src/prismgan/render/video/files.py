"""Renders a clip's file, or a stream from a pipe, to files, by way of segments that are joined at the end."""

import copy
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from prismgan import images
from prismgan.errors import PictureError, PrismganError, explained
from prismgan.files import locked, make_folder, new_file
from prismgan.render import Renderer, Request
from prismgan.render.jobs import PictureJob, is_made_of, refuse_unwritable, results_folder, with_own_folders
from prismgan.render.options import KeptOptions, options_of, weights_digest
from prismgan.render.stages import WORKING_MEMORY, stages
from prismgan.render.video.clip import Clip, open_clip
from prismgan.render.video.join import Target, join, target_of
from prismgan.render.video.pipeline import Pipeline
from prismgan.render.video.segment import ClipJob, fingerprint
from prismgan.render.video.settings import Listener, Outcome, Preview, Settings, output_names

PIPE = Path("-")  # stands for the standard input
SEGMENTS = "segments"  # folder beside the outputs, until they are written
WHOLE = 0.9  # share of the stated duration from which a file counts as complete; its sound may last longer


def check_clips(clips: Sequence[Path], out: Path) -> None:
    """Raise if the folder cannot be written to, or if clips would overwrite each other's results."""
    refuse_unwritable(out)
    jobs = (PictureJob(clip, results_folder(clip, Path(clip.name), out)) for clip in clips if clip != PIPE)
    with_own_folders(jobs, id)


def render_file(
    source: Path,
    out: Path,
    renderer: Renderer,
    request: Request,
    settings: Settings,
    listener: Listener,
    overwrite: bool = False,
) -> Outcome | None:
    """Render a clip to ``out/STEM/NAME.mp4`` for every output, or continue an interrupted job; None if all files exist
    already. Raises PrismganError if the clip cannot be read, its results cannot be written or would replace it, the
    request does not fit the weights, or there is a job with different options or one that is still running.

    Args:
        source: the clip; :data:`PIPE` for the standard input, whose results go to ``out/stdin``.
        request: the outputs; no chain, no mask, one seed.
        overwrite: start again and replace existing results.
    """
    started = time.perf_counter()
    names = output_names(renderer, request, settings)
    piped = source == PIPE
    clip = None if piped else open_clip(source)  # before a folder is created: the file may not be a clip
    refuse_unwritable(out)
    folder = out / "stdin" if piped else results_folder(source, Path(source.name), out)
    segments = folder / SEGMENTS
    may_be_done = not (overwrite or segments.exists())
    there = [file for name in names for file in sorted(folder.glob(f"{name}.*"))]
    if piped and may_be_done and there:  # it may have been a different clip
        raise PrismganError(f"{there[0]}: is the result of an earlier pipe; choose another folder, or use --overwrite")
    file = _spooled(folder) if piped else nullcontext(source)
    with _made(segments), locked(segments, "rendering of this clip"), file as path:
        clip = open_clip(path, "standard input") if clip is None else clip
        target = target_of(clip)
        finished = [folder / f"{name}{target.suffix}" for name in names]
        for result in finished:
            if result.resolve() == path.resolve():
                raise PictureError(f"{path}: would be replaced by its own result; choose another folder")
            if result.is_dir():
                fault = "is a folder, but a result needs this name"
                raise PrismganError(f"{result}: {fault}; move it, or choose another folder")
        encoding, each = {"steady": settings.steady, **asdict(settings.encoding)}, options_of(renderer, request)
        # The grid has the options of all outputs.
        options = {path.name: {**encoding, **each.get(path.stem, {"outputs": each})} for path in finished}
        kept = KeptOptions(folder)
        if may_be_done and all(is_made_of(file, path) and kept.fit(file.name, options[file.name]) for file in finished):
            return None
        renderer = with_fixed_memory(renderer, request, clip, settings)
        identity: dict[str, Any] = {"clip": fingerprint(path, dated=not piped), "weights": weights_digest(renderer)}
        identity |= {"request": asdict(request), "settings": asdict(settings), "memory": renderer.memory}
        job = ClipJob(segments, identity, names, restart=overwrite)
        kept.forget(file.name for file in finished if file.exists())
        preview = Preview(clip, partial(images.write, folder / "preview.png"))
        try:
            outcome = render_clip(Pipeline(clip, job, renderer, request, settings, listener, preview), folder, target)
        except (PrismganError, KeyboardInterrupt) as error:
            so_far = "nothing is finished yet"
            if done := job.finished():
                so_far = f"the first {done} segments are kept, and the same command continues after them"
            else:
                job.remove()  # otherwise different options would be refused
            if isinstance(error, KeyboardInterrupt):
                listener.remark(f"stopped; {so_far}")
                raise
            raise type(error)(f"{error}; {so_far}") from None
        kept.keep(options)
    outcome.seconds = time.perf_counter() - started
    return outcome


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Create a folder and those above it; the empty ones are removed again at the end."""
    new = [folder, *(each for each in folder.parents if not each.exists())]
    make_folder(folder)
    try:
        yield
    finally:
        with suppress(OSError):  # of the first folder that is not empty
            for each in new:
                if each.exists():
                    each.rmdir()


@contextmanager
def _spooled(folder: Path) -> Iterator[Path]:
    """The standard input as a file, because a clip is read twice, and its index may be at its end."""
    if sys.stdin.isatty():
        raise PictureError("standard input: nothing is piped in; name a clip, or pipe one with 'cat clip.mp4 | ...'")
    path = folder / "piped-clip"
    try:
        with new_file(path) as file:
            shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
        if not path.stat().st_size:
            raise PictureError("standard input: nothing came through the pipe")
        yield path
    finally:
        path.unlink(missing_ok=True)


def with_fixed_memory(renderer: Renderer, request: Request, clip: Clip, settings: Settings) -> Renderer:
    """The renderer with a fixed memory limit, so that all frames, also of a resumed job, have the same tiles."""
    if renderer.memory is not None:
        return renderer
    stage = next(stages(renderer.plan(request), clip.height, clip.width, 8, settings.batch))
    renderer = copy.copy(renderer)  # the caller's keeps its own limit
    renderer.memory = stage.held + WORKING_MEMORY
    return renderer


def render_clip(pipeline: Pipeline, folder: Path, target: Target) -> Outcome:
    """Render a clip to ``folder/NAME.mp4`` for every output, after the finished segments of its job, which are removed
    at the end. An exception of the listener ends the job."""
    clip, job, listener = pipeline.clip, pipeline.job, pipeline.listener
    for remark in _remarks(clip, target):
        listener.remark(remark)
    if job.records:
        listener.remark(f"continuing after {len(job.times)} finished frames")
    outcome = pipeline.run()
    times = job.times
    if not times:
        raise PictureError(f"{clip.name}: none of its frames can be decoded any more; was the file changed?")
    joined = [job.folder / f"{name}{target.suffix}" for name in job.outputs]
    for name, path in zip(job.outputs, joined, strict=True):
        listener.joining(path)
        # The grid's pictures are already upright; otherwise its labels would be rotated.
        turned = not pipeline.settings.is_grid(name)
        join(path, job.segments(name), times, job.end - times[-1], clip, target.copied, turned=turned)
    with explained(f"{folder}: results cannot be written"):  # all at once
        outcome.written = [path.replace(folder / path.name) for path in joined]
    job.remove()
    length = float((job.end - times[0]) * clip.time_base)
    if clip.seconds is not None and length < WHOLE * clip.seconds:
        listener.remark(f"{clip.name}: ends after {length:.1f} of {clip.seconds:.1f} seconds; is the file complete?")
    return outcome


def _remarks(clip: Clip, target: Target) -> Iterator[str]:
    """Notes about the outputs, for the user."""
    if clip.width % 2 or clip.height % 2:
        rule = "encoders need even sides; the last row or column of odd outputs is doubled"
        yield f"{clip.name}: has {clip.width}x{clip.height} pixels, but {rule}"
    if clip.interlaced:
        yield f"{clip.name}: is interlaced, but is rendered as progressive; deinterlace it first"
    if target.left_out:
        yield f"{clip.name}: no container supports its {', '.join(target.left_out)} streams, which are left out"
    if target.suffix == ".mkv" and (1000 * clip.time_base).denominator != 1:
        yield f"{clip.name}: its sound or subtitles need Matroska (.mkv), which rounds times to milliseconds"
