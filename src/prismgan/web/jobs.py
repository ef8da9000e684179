"""Jobs: requested work with its progress and results, and their store."""

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
from prismgan.web.api_errors import ApiError
from prismgan.web.limits import Limits
from prismgan.web.uploads import Upload

State = Literal["queued", "running", "done", "failed", "cancelled"]


class Length(IntEnum):
    """Approximate duration of a job."""

    SECONDS = 0
    MINUTES = 1
    HOURS = 2


class Cancelled(BaseException):
    """Raised inside a job's work when the job was cancelled."""


@dataclass(eq=False)
class Job:
    """One render of a picture or clip, or the training of one style. Once it is queued, only the worker's thread
    changes it, apart from :attr:`unwanted`, :attr:`watchers` and :attr:`asked`."""

    client: str
    work: Callable[["Job"], None]  # calls `advance` repeatedly
    length: Length  # between its pieces, shorter jobs may run
    kind: Literal["render", "style"] = "render"
    name: str = ""  # of the style
    id: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    state: State = "queued"
    done: int = 0  # tiles, frames, or steps
    total: int = 1  # 0 if unknown
    error: str | None = None
    sizes: dict[str, tuple[int, int] | None] = field(default_factory=dict)  # height, width
    results: dict[str, Picture] = field(default_factory=dict)  # output pictures, in memory
    files: dict[str, Path] = field(default_factory=dict)  # output clips
    folder: Path | None = None  # folder of these clips, and of nothing else
    file_bytes: int = 0  # their size on disk
    remarks: list[str] = field(default_factory=list)  # remarks for the user
    preview: bytes = b""  # the newest preview, a JPEG file
    previews: int = 0  # number of previews so far
    uploads: tuple[Upload, ...] = ()  # the uploads that it reads
    watchers: int = 0  # open WebSockets that follow it
    asked: float = field(default_factory=time.monotonic)  # time of the last request for it, or of the last watcher
    ended: float | None = None
    unwanted: bool = False
    make_way: Callable[[], None] = lambda: None  # runs waiting shorter jobs; set by the queue

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed", "cancelled")

    @property
    def progress(self) -> float:
        """From 0 to 1: share of finished tiles, frames or steps, or, within one tile, of finished pictures."""
        return max(self.done / self.total if self.total else 0.0, len(self.results) / max(len(self.sizes), 1))

    @property
    def result_bytes(self) -> int:
        return sum(picture.pixels.nbytes for picture in self.results.values())

    def advance(self, done: int, total: int) -> None:
        """Report progress, with a total of 0 if unknown; shorter jobs of other clients may run meanwhile."""
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
        self.state = state  # last, because others check it to know whether the rest may be read

    def discard(self) -> None:
        self.results, self.files = {}, {}
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


class JobStore:
    """A store of jobs, limited in number, memory, disk space and age."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def add(self, job: Job) -> None:
        self.sweep()
        with self._lock:
            self._jobs[job.id] = job

    def get(self, name: str, kind: str) -> Job:
        """The job with this id and kind; an :class:`ApiError` (404) if there is none."""
        with self._lock:
            job = self._jobs.get(name)
        if job is None or job.kind != kind:
            raise ApiError(404, f"no {kind} has this id; it was cancelled, or is too old: request it again")
        job.asked = time.monotonic()
        return job

    def forget(self, job: Job) -> None:
        """Remove a finished or cancelled job and its results, at the latest when it ends."""
        with self._lock:
            self._jobs.pop(job.id, None)
        if job.is_over:
            job.discard()

    def need(self, upload: Upload) -> bool:
        """Whether an unfinished job reads this picture or clip."""
        with self._lock:
            return any(not job.is_over and any(upload is one for one in job.uploads) for job in self._jobs.values())

    def names(self, kind: str) -> set[str]:
        """Names of all unfinished jobs of a kind."""
        with self._lock:
            return {job.name for job in self._jobs.values() if job.kind == kind and not job.is_over}

    def sweep(self) -> None:
        """Remove finished jobs: old ones, and the oldest beyond the limits. The newest always stays."""
        limits = self.limits
        with self._lock:
            over = sorted((job for job in self._jobs.values() if job.is_over), key=lambda job: job.ended or 0)
            held, stored = sum(job.result_bytes for job in over), sum(job.file_bytes for job in over)
            for job in over:
                too_old = (job.ended or 0) < time.monotonic() - limits.seconds
                much = (held > limits.result_bytes and job.results) or (stored > limits.clip_result_bytes and job.files)
                if too_old or (much and job is not over[-1]) or len(self._jobs) >= limits.jobs:
                    held, stored = held - job.result_bytes, stored - job.file_bytes
                    del self._jobs[job.id]
                    job.discard()
