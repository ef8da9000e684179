"""Rendering a clip's file, or a stream from a pipe, into files."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from prismgan import images
from prismgan.errors import PictureError, PrismganError
from prismgan.files import locked, make_folder, new_file
from prismgan.render import Renderer, Request
from prismgan.render.jobs import is_made_of, refuse_unwritable, results_folder
from prismgan.render.options import KeptOptions, options_of, weights_digest
from prismgan.render.video.clip import open_clip
from prismgan.render.video.join import target_of
from prismgan.render.video.rendering import render_clip, with_fixed_memory
from prismgan.render.video.segment import ClipJob, fingerprint
from prismgan.render.video.settings import Listener, Outcome, Preview, Settings, output_names

PIPE = Path("-")
"""Stands for the standard input."""
SEGMENTS = "segments"
"""Folder beside the outputs, until they are written."""


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
        out: folder for the results.
        renderer: what renders.
        request: the outputs; no chain, no mask, one seed.
        settings: how to write it.
        listener: told how it goes on.
        overwrite: start anew and replace existing results.

    Returns:
        What became of it; None where all files are there already.

    Raises:
        PictureError: the clip cannot be read, its name makes no folder's name, or it would be replaced by a result.
        PrismganError: the request does not fit the weights, something cannot be written, there are segments of a
            job with other options, or another program renders this clip into this folder.
        KeyboardInterrupt: Ctrl-C ended the job; the listener receives the part that is kept.
    """
    started = time.perf_counter()
    names = output_names(renderer, request, settings)
    piped = source == PIPE
    clip = None if piped else open_clip(source)  # no folder is made for a file that is no clip
    refuse_unwritable(out)
    folder = out / "stdin" if piped else results_folder(source, Path(source.name), out)
    segments = folder / SEGMENTS
    may_be_done = not (overwrite or segments.exists())
    if piped and may_be_done:
        _refuse_others(folder, names)
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
        _refuse_clashes(path, finished)
        kept, options = KeptOptions(folder), _options(renderer, request, settings, finished)
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
            finished_so_far = _kept(job)
            if not job.finished():
                job.remove()  # or other options would be refused
            if isinstance(error, KeyboardInterrupt):
                listener.remark(f"stopped; {finished_so_far}")
                raise
            raise type(error)(f"{error}; {finished_so_far}") from None
        kept.keep(options)
    outcome.seconds = time.perf_counter() - started
    return outcome


def _options(
    renderer: Renderer, request: Request, settings: Settings, results: Sequence[Path]
) -> dict[str, dict[str, Any]]:
    """By file name, the options that the clips are made with; the grid's are those of all."""
    encoding = {"steady": settings.steady, **asdict(settings.encoding)}
    of_outputs = options_of(renderer, request)
    return {path.name: {**encoding, **of_outputs.get(path.stem, {"outputs": of_outputs})} for path in results}


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """A folder, and those above it, which stay if anything comes to be in them; an empty one is of no use."""
    new = [folder, *(each for each in folder.parents if not each.exists())]
    make_folder(folder)
    try:
        yield
    finally:
        for each in new:
            if not each.exists():
                continue
            if any(each.iterdir()):
                break
            each.rmdir()


def _refuse_clashes(source: Path, results: Sequence[Path]) -> None:
    """Better now than after the work."""
    for result in results:
        if result.resolve() == source.resolve():
            raise PictureError(f"{source}: would be replaced by its own result; write elsewhere")
        if result.is_dir():
            raise PrismganError(f"{result}: is a folder where a result is to go; move it, or write elsewhere")


def _refuse_others(folder: Path, names: Sequence[str]) -> None:
    """Nobody can tell whether what came through a pipe before was the same."""
    there = [file for name in names for file in sorted(folder.glob(f"{name}.*"))]
    if there:
        raise PrismganError(f"{there[0]}: came through a pipe before; write elsewhere, or give --overwrite")


def _kept(job: ClipJob) -> str:
    finished = job.finished()
    if not finished:
        return "nothing is finished yet"
    return f"the first {finished} segments are kept, and the same command goes on behind them"


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
