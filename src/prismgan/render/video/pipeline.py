"""Renders a clip into several at once: threads decode and estimate motion, render, smooth, and encode each output."""

import io
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import numpy as np

from prismgan.errors import PrismganError
from prismgan.files import replace_file
from prismgan.render import Renderer, Request
from prismgan.render.video.clip import Clip, Frame, Reader
from prismgan.render.video.consistency import FineArray, Motion, TemporalSmoother, motion
from prismgan.render.video.container import PixelArray
from prismgan.render.video.segment import ClipJob, Record, encode_segment
from prismgan.render.video.settings import GRID, Listener, Outcome, Preview, Settings, parts_kept, side_by_side

Item = TypeVar("Item")
Result = TypeVar("Result")
END = None  # marks the end of a segment, or of the clip
POLL_SECONDS = 0.1  # between a waiting thread's checks for a stop


class Stopped(Exception):  # noqa: N818 - no error, but an order
    """The job ends early."""


class Channel(Generic[Item]):
    """A queue of at most ``size`` items, whose methods raise :class:`Stopped` once ``stop`` is set."""

    def __init__(self, size: int, stop: threading.Event) -> None:
        self._queue: queue.Queue[Item] = queue.Queue(size)
        self._stop = stop

    def put(self, item: Item) -> None:
        self._until_stopped(partial(self._queue.put, item))

    def get(self) -> Item:
        return self._until_stopped(self._queue.get)

    def _until_stopped(self, attempt: Callable[..., Result]) -> Result:
        while not self._stop.is_set():
            with suppress(queue.Full, queue.Empty):
                return attempt(timeout=POLL_SECONDS)
        raise Stopped

    def until_end(self) -> Iterator[Item]:
        """Items up to the next :data:`END`."""
        while (item := self.get()) is not END:
            yield item


GRID_TILE = 480  # width of every picture in the grid, if the clip is as wide
WAITING = 3  # frames queued between two threads: enough to even out their speeds, with little memory
BEHIND = 4  # segments that may wait for their encoder: each has at least a frame and two marks


class Arrived(NamedTuple):
    """A frame of the source."""

    frame: Frame
    moved: Motion | None  # motion from the previous frame; None for the first one, or if no output is smoothed


@dataclass
class Pipeline:
    """Renders the frames of a clip that are not in finished segments, and encodes them into segments; runs once."""

    clip: Clip
    job: ClipJob
    renderer: Renderer
    request: Request
    settings: Settings
    listener: Listener
    preview: Preview

    def __post_init__(self) -> None:
        self.outcome = Outcome(resumed=len(self.job.times))
        self.finished = len(self.job.records)
        self.reader = Reader(self.clip.name)
        self.stop = threading.Event()
        self.kept = parts_kept(self.renderer, self.request, self.settings)
        self.frames: Channel[Arrived | None] = Channel(WAITING, self.stop)
        # For every segment its number, its frames with their outputs, and an end; one more at the end.
        self.rendered: Channel[Any] = Channel(1, self.stop)
        # For every segment its file, its pictures (for the grid, all of a frame), and an end; one more at the end.
        self.outputs: dict[str, Channel[Any]] = {name: Channel(WAITING, self.stop) for name in self.job.outputs}

    def run(self) -> Outcome:
        """Render in this thread; errors of all threads are raised here."""
        with ThreadPoolExecutor(2 + len(self.outputs), "prismgan clip") as pool:
            encoders = [pool.submit(self._encode, name) for name in self.outputs]
            running = [pool.submit(self._decode), pool.submit(self._smooth), *encoders]
            for each in running:
                each.add_done_callback(lambda done: self.stop.set() if done.exception() else None)
            try:
                with suppress(Stopped):
                    self._render()
                    with self._timed("encoding"):
                        wait(running)
            finally:
                self.stop.set()
        for each in running:
            with suppress(Stopped):
                each.result()
        self.outcome.damaged, self.outcome.frames = self.reader.damaged, len(self.job.times)
        return self.outcome

    def _decode(self) -> None:
        moves = any(self.kept.values())
        before: PixelArray | None = None
        first = max(0, self.outcome.resumed - 1)  # a resumed job needs the motion to its first frame
        for number, frame in enumerate(self.reader.frames(self.clip, skip=first), start=first):
            if number >= self.outcome.resumed:
                moved = motion(before, frame.pixels) if moves and before is not None else None
                self.frames.put(Arrived(frame, moved))
            before = frame.pixels
        self.frames.put(END)

    def _encode(self, name: str) -> None:
        channel, tile = self.outputs[name], max(32, min(GRID_TILE, self.clip.width))
        for path in channel.until_end():
            frames = channel.until_end()
            if self.settings.is_grid(name):
                frames = (np.asarray(side_by_side(pictures, self.clip, tile)) for pictures in frames)
            encode_segment(path, frames, self.clip, self.settings.encoding)

    def _render(self) -> None:
        length = max(1, round(self.settings.segment * self.clip.rate))
        done = self.outcome.resumed
        frames = self._arriving()
        while (first := next(frames, None)) is not None:
            self._hand_on(len(self.job.records))
            times, last = [], 0
            segment = chain([first], islice(frames, length - 1))
            while batch := list(islice(segment, self.settings.batch)):
                where = f"{self.clip.name}: frame {done + 1}"
                with self._timed("rendering"):
                    sources = [each.frame.pixels for each in batch]
                    rendered = self.renderer.render_all(sources, self.request, where=where)
                for arrived, outputs in zip(batch, rendered, strict=True):
                    self._hand_on((arrived, outputs))
                    times.append(arrived.frame.time)
                    done, last = done + 1, arrived.frame.duration
                    self.listener.rendered(done, self.clip.count)
            self.job.add(Record(times, last))
            self._hand_on(END)
        self._hand_on(END)

    def _hand_on(self, item: Any) -> None:
        with self._timed("encoding"):
            self.rendered.put(item)

    def _smooth(self) -> None:
        smoother = TemporalSmoother(self.kept, self._last_frames())
        for number in self.rendered.until_end():
            self._send({name: self.job.segment(name, number) for name in self.outputs})
            for (frame, moved), rendered in self.rendered.until_end():
                outputs = smoother(rendered, moved)
                pictures = {"source": frame.pixels, **outputs}
                self._send({**outputs, GRID: pictures} if self.settings.grid else outputs)
                self.preview.show(pictures)
            # Before the end mark, because the end mark finishes the segment.
            for name, picture in smoother.last.items():
                content = io.BytesIO()
                np.save(content, picture)
                replace_file(self.job.last_frame(name, number), content.getvalue())
                self.job.last_frame(name, number - BEHIND).unlink(missing_ok=True)
            self._send(dict.fromkeys(self.outputs, END))
        self._send(dict.fromkeys(self.outputs, END))

    def _last_frames(self) -> dict[str, FineArray]:
        """The final outputs of the last finished segment."""
        frames: dict[str, FineArray] = {}
        for name in (name for name, part in self.kept.items() if part and self.finished):
            path = self.job.last_frame(name, self.finished - 1)
            try:
                frames[name] = np.load(path)
            except (OSError, ValueError, EOFError) as error:
                problem = "is missing or damaged, and the job cannot continue without it"
                raise PrismganError(f"{path}: {problem}; use --overwrite to start again") from error
        return frames

    def _arriving(self) -> Iterator[Arrived]:
        while True:
            with self._timed("decoding"):
                arrived = self.frames.get()
            if arrived is END:
                return
            yield arrived

    def _send(self, items: Mapping[str, Any]) -> None:
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
