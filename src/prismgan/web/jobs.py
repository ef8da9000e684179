"""Jobs: requested work, its progress and its results, and their store."""

import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from prismgan.images import Picture, encoded_picture
from prismgan.web.limits import Limits
from prismgan.web.refusals import Refusal
from prismgan.web.uploads import Upload

State = Literal["queued", "running", "done", "failed", "cancelled"]


class Length(IntEnum):
    """How long a job takes, about."""

    SECONDS = 0
    MINUTES = 1
    HOURS = 2


class Cancelled(BaseException):
    """Raised inside a job's work once nobody wants it any more."""


@dataclass(eq=False)
class Job:
    """One render of a picture or clip, or one style that is learnt. Once it is queued, only the worker's thread changes
    it, apart from :attr:`unwanted`, :attr:`watchers` and :attr:`asked`."""

    client: str
    work: Callable[["Job"], None]  # calls `advance` again and again
    length: Length  # between two of its pieces it makes way for what is shorter
    kind: Literal["render", "style"] = "render"
    name: str = ""  # of the style
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: State = "queued"
    done: int = 0  # tiles, frames, or steps
    total: int = 1  # 0 where nobody knows
    error: str | None = None
    sizes: dict[str, tuple[int, int] | None] = field(default_factory=dict)  # height, width
    results: dict[str, Picture] = field(default_factory=dict)  # pictures that came out, in memory
    files: dict[str, Path] = field(default_factory=dict)  # clips that came out
    folder: Path | None = None  # where those are, and nothing else
    file_bytes: int = 0  # room that they take on the disk
    remarks: list[str] = field(default_factory=list)  # what somebody may want to know
    preview: bytes = b""  # the newest, a JPEG file
    previews: int = 0  # how many there were
    uploads: tuple[Upload, ...] = ()  # what it reads
    watchers: int = 0  # open WebSockets that follow it
    asked: float = field(default_factory=time.monotonic)  # when somebody last asked for it, or stopped following it
    ended: float | None = None
    unwanted: bool = False
    make_way: Callable[[], None] = lambda: None  # runs shorter jobs that wait; the queue sets it

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed", "cancelled")

    @property
    def progress(self) -> float:
        """From 0 to 1: of tiles, frames or steps, or, within one tile, of pictures that came out already."""
        return max(self.done / self.total if self.total else 0.0, len(self.results) / max(len(self.sizes), 1))

    @property
    def result_bytes(self) -> int:
        return sum(picture.pixels.nbytes for picture in self.results.values())

    def advance(self, done: int, total: int) -> None:
        """So much of the work is done, of 0 where nobody knows; other clients get a chance."""
        self.done, self.total = done, total and max(done, total)
        if self.unwanted:
            raise Cancelled
        self.make_way()

    def show(self, preview: Image.Image) -> None:
        self.preview = encoded_picture("preview", "jpg", Picture(np.asarray(preview)), 90)
        self.previews += 1

    def end(self, state: State, error: str | None = None) -> None:
        if state != "done":
            self.discard()
        self.error, self.ended = error, time.monotonic()
        self.state = state  # last, since others look at it to know whether the rest may be read

    def discard(self) -> None:
        self.results, self.files = {}, {}
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


class JobStore:
    """Bounded in number, in memory and files for results, and in age."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def add(self, job: Job) -> None:
        self.sweep()
        with self._lock:
            self._jobs[job.id] = job

    def get(self, name: str, kind: str) -> Job:
        """The job of this id and kind; a refusal (404) if there is none."""
        with self._lock:
            job = self._jobs.get(name)
        if job is None or job.kind != kind:
            raise Refusal(404, f"no {kind} has this id; it was cancelled, or is too old: ask for it again")
        job.asked = time.monotonic()
        return job

    def forget(self, job: Job) -> None:
        """Drop a job that is over or cancelled, and its results, at the latest when it ends."""
        with self._lock:
            self._jobs.pop(job.id, None)
        if job.is_over:
            job.discard()

    def need(self, upload: Upload) -> bool:
        """Whether a job that is not over reads this picture or clip."""
        with self._lock:
            return any(not job.is_over and any(upload is one for one in job.uploads) for job in self._jobs.values())

    def names(self, kind: str) -> set[str]:
        """Of all jobs of a kind that are not over."""
        with self._lock:
            return {job.name for job in self._jobs.values() if job.kind == kind and not job.is_over}

    def sweep(self) -> None:
        """Forget jobs that are over: the old, and the oldest beyond the limits. The newest always stays."""
        with self._lock:
            over = sorted((job for job in self._jobs.values() if job.is_over), key=lambda job: job.ended or 0)
            held, stored = sum(job.result_bytes for job in over), sum(job.file_bytes for job in over)
            for job in over:
                too_old = (job.ended or 0) < time.monotonic() - self.limits.seconds
                much = (held > self.limits.result_bytes and job.results) or (
                    stored > self.limits.clip_result_bytes and job.files
                )
                if too_old or (much and job is not over[-1]) or len(self._jobs) >= self.limits.jobs:
                    held, stored = held - job.result_bytes, stored - job.file_bytes
                    del self._jobs[job.id]
                    job.discard()
