"""Rendering a clip's file, or a stream from a pipe, into files: by way of segments, which are joined."""

import copy
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path

from prismgan import images
from prismgan.errors import PictureError, PrismganError
from prismgan.files import locked, make_folder, new_file
from prismgan.render import Renderer, Request
from prismgan.render.jobs import is_made_of, refuse_unwritable, results_folder, shared_folder
from prismgan.render.options import KeptOptions, options_of, weights_digest
from prismgan.render.stages import WORKING_MEMORY, stages
from prismgan.render.video.clip import Clip, open_clip
from prismgan.render.video.join import Target, join, target_of
from prismgan.render.video.pipeline import Pipeline
from prismgan.render.video.segment import ClipJob, fingerprint
from prismgan.render.video.settings import Listener, Outcome, Preview, Settings, output_names

PIPE = Path("-")  # stands for the standard input
SEGMENTS = "segments"  # folder beside the outputs, until they are written
WHOLE = 0.9  # share of the announced seconds from which a file is whole; its sound may last longer


def check_clips(clips: Sequence[Path], out: Path) -> None:
    """Refuse a folder that cannot be written to, and clips that would be written over each other."""
    refuse_unwritable(out)
    folders: dict[Path, Path] = {}
    for clip in clips:
        if clip == PIPE:
            continue
        folder = results_folder(clip, Path(clip.name), out)
        other = folders.setdefault(folder, clip)
        if other is not clip:
            raise shared_folder(clip, folder, other)


def render_file(
    source: Path,
    out: Path,
    renderer: Renderer,
    request: Request,
    settings: Settings,
    listener: Listener,
    *,
    overwrite: bool = False,
) -> Outcome | None:
    """Render a clip into ``out/STEM/NAME.mp4`` for every output; go on with a job that was stopped.

    Args:
        source: the clip; :data:`PIPE` for the standard input, whose results go to ``out/stdin``.
        request: the outputs; no chain, no mask, one seed.
        overwrite: start anew and replace existing results.

    Returns:
        None where all files are there already.

    Raises:
        PrismganError: the clip cannot be read, its results cannot be written or would replace it, the request does
            not fit the weights, or there is a job with other options, or one that is running.
    """
    started = time.perf_counter()
    names = output_names(renderer, request, settings)
    piped = source == PIPE
    clip = None if piped else open_clip(source)  # no folder is made for a file that is no clip
    refuse_unwritable(out)
    folder = out / "stdin" if piped else results_folder(source, Path(source.name), out)
    segments = folder / SEGMENTS
    may_be_done = not (overwrite or segments.exists())
    there = [file for name in names for file in sorted(folder.glob(f"{name}.*"))]
    if piped and may_be_done and there:  # nobody can tell whether it was the same clip
        raise PrismganError(f"{there[0]}: came through a pipe before; write elsewhere, or give --overwrite")
    if segments.is_file():
        raise PrismganError(f"{segments}: is in the way, since no job has made it; move it, or write elsewhere")
    with (
        _made(segments),
        locked(segments, "rendering of this clip"),
        _spooled(folder) if piped else nullcontext(source) as path,
    ):
        clip = open_clip(path, "standard input") if clip is None else clip
        target = target_of(clip)
        finished = [folder / f"{name}{target.suffix}" for name in names]
        for result in finished:
            if result.resolve() == path.resolve():
                raise PictureError(f"{path}: would be replaced by its own result; write elsewhere")
            if result.is_dir():
                raise PrismganError(f"{result}: is a folder where a result is to go; move it, or write elsewhere")
        encoding, each = {"steady": settings.steady, **asdict(settings.encoding)}, options_of(renderer, request)
        # Of the grid, those of all outputs.
        options = {path.name: {**encoding, **each.get(path.stem, {"outputs": each})} for path in finished}
        kept = KeptOptions(folder)
        if may_be_done and all(is_made_of(file, path) and kept.fit(file.name, options[file.name]) for file in finished):
            return None
        renderer = with_fixed_memory(renderer, request, clip, settings)
        identity = {
            "clip": fingerprint(path, dated=not piped),
            "weights": weights_digest(renderer),
            "request": asdict(request),
            "settings": asdict(settings),
            "memory": renderer.memory,
        }
        job = ClipJob(segments, identity, names, restart=overwrite)
        kept.forget(file.name for file in finished if file.exists())
        preview = Preview(clip, partial(images.write, folder / "preview.png"))
        try:
            outcome = render_clip(clip, folder, target, job, renderer, request, settings, listener, preview)
        except (PrismganError, KeyboardInterrupt) as error:
            so_far = "nothing is finished yet"
            if done := job.finished():
                so_far = f"the first {done} segments are kept, and the same command goes on behind them"
            else:
                job.remove()  # or other options would be refused
            if isinstance(error, KeyboardInterrupt):
                listener.remark(f"stopped; {so_far}")
                raise
            raise type(error)(f"{error}; {so_far}") from None
        kept.keep(options)
    outcome.seconds = time.perf_counter() - started
    return outcome


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """A folder, and those above it, which stay if anything comes to be in them; an empty one is of no use."""
    new = [folder, *(each for each in folder.parents if not each.exists())]
    make_folder(folder)
    try:
        yield
    finally:
        with suppress(OSError):  # of the first that holds something
            for each in new:
                if each.exists():
                    each.rmdir()


@contextmanager
def _spooled(folder: Path) -> Iterator[Path]:
    """The standard input as a file: a clip has to be looked at twice, and its index may lie at its end."""
    if sys.stdin.isatty():
        raise PictureError("standard input: nothing is piped in; name a clip, or pipe one as 'cat clip.mp4 | ...'")
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
    """The renderer with a memory limit that does not depend on what is free: all frames, also those of a resumed job,
    must be cut into the same tiles."""
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
    """Render a clip into ``folder/NAME.mp4`` for every output, behind the finished segments of ``job``, which are
    removed at the end. An exception of the listener ends the job."""
    for remark in _remarks(clip, target):
        listener.remark(remark)
    if job.records:
        listener.remark(f"going on behind {len(job.times)} frames that are finished")
    outcome = Pipeline(clip, job, renderer, request, settings, listener, preview).run()
    times = job.times
    if not times:
        raise PictureError(f"{clip.name}: no frame of it can be decoded any more; was the file changed?")
    joined = [job.folder / f"{name}{target.suffix}" for name in job.outputs]
    for name, path in zip(job.outputs, joined, strict=True):
        listener.joining(path)
        # The grid's pictures are upright already, or its labels would be turned.
        turned = not settings.is_grid(name)
        join(path, job.segments(name), times, job.end - times[-1], clip, target.copied, turned=turned)
    try:  # all at once
        outcome.written = [path.replace(folder / path.name) for path in joined]
    except OSError as error:
        raise PrismganError(f"{folder}: results cannot be written ({error.strerror or error})") from None
    job.remove()
    length = float((job.end - times[0]) * clip.time_base)
    if clip.seconds is not None and length < WHOLE * clip.seconds:
        listener.remark(f"{clip.name}: breaks off after {length:.1f} of {clip.seconds:.1f} seconds; is it whole?")
    return outcome


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
