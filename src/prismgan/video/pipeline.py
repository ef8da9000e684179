"""A clip rendered into several at once: one thread decodes, one renders, one for every output encodes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from prismgan.errors import PrismganError
from prismgan.inference import Renderer, Request
from prismgan.video.channel import Channel, Stopped
from prismgan.video.clip import Clip, Frame, Reader
from prismgan.video.job import Job, Record
from prismgan.video.preview import Preview, side_by_side
from prismgan.video.segment import Encoding, encode_segment

__all__ = ["GRID", "Listener", "Outcome", "Pipeline", "Settings", "output_names"]

PixelArray = NDArray[np.uint8]

GRID = "grid"
"""Name of the output that shows the source and all looks side by side."""
GRID_TILE = 480
"""Width of every picture in the grid, if the clip is as wide."""
WAITING = 3
"""Frames that wait between two threads: enough to even out, and little memory."""


@dataclass(frozen=True)
class Settings:
    """How a clip is written."""

    encoding: Encoding
    grid: bool = False
    """Also write a clip with the source and all looks side by side, labelled."""
    segment: float = 10.0
    """Seconds of a segment: what a killed job loses at most, of every output."""
    batch: int = 1
    """Frames that are rendered together."""

    def is_grid(self, name: str) -> bool:
        """Whether an output is the one with all looks."""
        return self.grid and name == GRID


class Listener(Protocol):
    """Told how a job goes on."""

    def remark(self, text: str) -> None:
        """Something a person wants to know."""

    def rendered(self, frames: int, total: int | None) -> None:
        """So many frames are rendered, of about so many; None where nobody knows."""

    def joining(self, path: Path) -> None:
        """All frames are encoded, and a file is put together."""


@dataclass
class Outcome:
    """What became of a clip."""

    written: list[Path] = field(default_factory=list)
    frames: int = 0
    """In every output."""
    resumed: int = 0
    """Of these, frames that had been rendered before the job was stopped."""
    damaged: int = 0
    """Packets and frames of the source that could not be decoded as they should."""
    seconds: float = 0.0
    rendering: float = 0.0
    """Seconds in the network."""
    encoding: float = 0.0
    """Seconds in which the network waited for the encoders."""
    decoding: float = 0.0
    """Seconds in which the network waited for the decoder."""

    @property
    def busy(self) -> float:
        """Share of the time that the network and the encoders needed: the rest is what the pipeline does not hide."""
        return (self.rendering + self.encoding) / self.seconds if self.seconds else 0.0


class _End:
    """Stands behind the last frame of a segment, or of the clip."""


END = _End()


def output_names(renderer: Renderer, request: Request, settings: Settings) -> tuple[str, ...]:
    """Names of the files that come out, without their suffix.

    Raises:
        PrismganError: the request does not fit the weights, or an output has the grid's name.
    """
    names = renderer.plan(request).names
    if settings.grid and GRID in names:
        raise PrismganError(f"an output is named {GRID!r}, as the grid would be; leave one of them out")
    return (*names, GRID) if settings.grid else names


class Pipeline:
    """Renders all frames of a clip that no finished segment holds, and encodes them into segments.

    One job, to be run once.

    Args:
        clip: the source.
        job: the segments; what is finished is kept, whatever happens.
        renderer: what renders.
        request: what to render into.
        settings: how to write it.
        listener: told how it goes on.
        preview: shown every frame.
    """

    def __init__(
        self,
        clip: Clip,
        job: Job,
        renderer: Renderer,
        request: Request,
        settings: Settings,
        listener: Listener,
        preview: Preview,
    ) -> None:
        self.clip, self.job, self.renderer, self.request = clip, job, renderer, request
        self.settings, self.listener, self.preview = settings, listener, preview
        self.outcome = Outcome(resumed=len(job.times))
        self.reader = Reader(clip.name)
        self.stop = threading.Event()
        self.problems: list[BaseException] = []
        self.frames: Channel[Frame | _End] = Channel(WAITING, self.stop)
        # For every segment its file, its pictures (for the grid, all of a frame), and an end; one more at the end.
        self.outputs: dict[str, Channel[Any]] = {name: Channel(WAITING, self.stop) for name in job.outputs}

    def run(self) -> Outcome:
        """Do it; rendering happens in this thread.

        Raises:
            PrismganError: a frame cannot be rendered, the file cannot be read any more, or a segment not be written.
        """
        work = [self._decode, *(partial(self._encode, name) for name in self.outputs)]
        threads = [threading.Thread(target=self._guarded, args=(part,), daemon=True) for part in work]
        for thread in threads:
            thread.start()
        try:
            self._render()
            with self._timed("encoding"):
                for thread in threads:
                    thread.join()
        except Stopped:
            pass
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()
        if self.problems:
            raise self.problems[0]
        self.outcome.damaged, self.outcome.frames = self.reader.damaged, len(self.job.times)
        return self.outcome

    def _guarded(self, work: Callable[[], None]) -> None:
        """Whatever goes wrong in a thread ends the others, and is raised in the first."""
        try:
            work()
        except Stopped:
            pass
        except BaseException as error:
            self.problems.append(error)
            self.stop.set()

    def _decode(self) -> None:
        for frame in self.reader.frames(self.clip, skip=self.outcome.resumed):
            self.frames.put(frame)
        self.frames.put(END)

    def _encode(self, name: str) -> None:
        channel = self.outputs[name]
        for path in channel.until(END):
            pictures = channel.until(END)
            frames = map(self._grid, pictures) if self.settings.is_grid(name) else pictures
            encode_segment(path, frames, self.clip, self.settings.encoding)

    def _render(self) -> None:
        length = max(1, round(self.settings.segment * self.clip.rate))
        done = self.outcome.resumed
        frames = self._arriving()
        while (first := next(frames, None)) is not None:
            self._send({name: self.job.segment(name, len(self.job.records)) for name in self.outputs})
            times, last = [], 0
            segment = chain([first], islice(frames, length - 1))
            while batch := list(islice(segment, self.settings.batch)):
                where = f"{self.clip.name}: frame {done + 1}"
                with self._timed("rendering"):
                    rendered = self.renderer.render_all([frame.pixels for frame in batch], self.request, where=where)
                for frame, looks in zip(batch, rendered, strict=True):
                    pictures = {"source": frame.pixels, **looks}
                    self._send({**looks, GRID: pictures} if self.settings.grid else looks)
                    times.append(frame.time)
                    done, last = done + 1, frame.duration
                    self.listener.rendered(done, self.clip.count)
                    self.preview.show(pictures)
            self.job.add(Record(times, last))
            self._send(dict.fromkeys(self.outputs, END))
        self._send(dict.fromkeys(self.outputs, END))

    def _grid(self, pictures: Mapping[str, PixelArray]) -> PixelArray:
        width = max(32, min(GRID_TILE, pictures["source"].shape[1]))
        return np.asarray(side_by_side(pictures, self.clip, width))

    def _arriving(self) -> Iterator[Frame]:
        while True:
            with self._timed("decoding"):
                frame = self.frames.get()
            if isinstance(frame, _End):
                return
            yield frame

    def _send(self, items: Mapping[str, Any]) -> None:
        with self._timed("encoding"):
            for name, channel in self.outputs.items():
                channel.put(items[name])

    @contextmanager
    def _timed(self, what: Literal["rendering", "encoding", "decoding"]) -> Iterator[None]:
        """Adds the block's seconds to those of the outcome."""
        start = time.perf_counter()
        try:
            yield
        finally:
            setattr(self.outcome, what, getattr(self.outcome, what) + time.perf_counter() - start)
