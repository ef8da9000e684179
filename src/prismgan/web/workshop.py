"""Everything that a running server has, in one place: weights, a folder, pictures, clips, jobs and their queue."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection
from filelock import FileLock, Timeout

from prismgan.render.renderer import Renderer
from prismgan.tasks import Style
from prismgan.web.bodies import JobBody, OutputBody
from prismgan.web.clips import SentClip, sent_clips
from prismgan.web.jobs import Job, JobStore
from prismgan.web.limits import Limits
from prismgan.web.pictures import SentPicture, sent_pictures
from prismgan.web.uploads import Uploads
from prismgan.web.work_queue import WorkQueue
from prismgan.weights import Weights, load_weights


class Studio:
    """The weights of a session, those that it was started with and the styles that were added since, and what renders
    with them; see :class:`Renderer` for ``runtime`` and ``fast``.
    """

    def __init__(self, weights: Weights, runtime: str | None = None, *, fast: bool = False) -> None:
        self.weights = weights
        self.added: tuple[str, ...] = ()
        """Names of the styles that were added."""
        self._runtime, self._fast = runtime, fast
        self._lock = threading.Lock()
        self.renderer = self._new_renderer(weights)

    @classmethod
    def load(cls, path: Path | None = None, runtime: str | None = None, *, fast: bool = False) -> Studio:
        return cls(load_weights(path), runtime, fast=fast)

    def add(self, weights: Weights, style: Style) -> None:
        """From now on these weights, which know a style more."""
        renderer = self._new_renderer(weights)
        with self._lock:
            self.weights, self.renderer, self.added = weights, renderer, (*self.added, style.name)

    def _new_renderer(self, weights: Weights) -> Renderer:
        return Renderer(weights, runtime=self._runtime, fast=self._fast)


PREFIX = "prismgan-serve-"
COMPILER_CACHE = "TORCHINDUCTOR_CACHE_DIR"
"""The environment's variable that torch's compiler reads."""
LOCK = "lock"
"""A file that a server holds a lock on as long as it lives. The system lets go of it, however the server ends; a number
of a process would say less, as it is given away again, and another container's is unknown here."""


class OwnFolder:
    """The server's own temporary folder: nobody else's, and gone when the server is. Those that killed servers of the
    same user left behind are removed first.
    """

    def __init__(self) -> None:
        for found in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            _remove_abandoned(found)
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX)
        self.path = Path(self._folder.name)
        new = self.path / "new"
        self._lock = FileLock(new, thread_local=False)
        self._lock.acquire()
        if sys.platform != "win32":  # which renames no open file
            new.rename(self.path / LOCK)  # nobody sees it before it is locked
        # A training imports a compiler that makes a folder of its own beside ours, although nothing is compiled.
        os.environ.setdefault(COMPILER_CACHE, str(self.path / "compiler"))

    def close(self) -> None:
        """Remove it, and all that is in it."""
        if Path(os.environ.get(COMPILER_CACHE, "")).is_relative_to(self.path):
            del os.environ[COMPILER_CACHE]
        self._lock.release()
        self._folder.cleanup()


def _remove_abandoned(folder: Path) -> None:
    with suppress(OSError, Timeout):  # it was removed meanwhile, may not be read, or its server lives
        ours = sys.platform != "win32" and not folder.is_symlink() and folder.stat().st_uid == os.getuid()
        if ours and (folder / LOCK).is_file():
            with FileLock(folder / LOCK, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Workshop:
    """Pictures, clips, jobs, the queue and the weights."""

    limits: Limits
    studio: Studio
    folder: OwnFolder
    pictures: Uploads[SentPicture]
    clips: Uploads[SentClip]
    jobs: JobStore
    queue: WorkQueue
    encoders: threading.BoundedSemaphore
    """So that a client who asks for many large results at once does not take all memory."""
    watchers: int = 0

    @classmethod
    def opened(cls, studio: Studio, limits: Limits) -> Workshop:
        """With nothing in it; a thread waits for work."""
        folder, jobs = OwnFolder(), JobStore(limits)
        return cls(
            limits,
            studio,
            folder,
            sent_pictures(folder.path / "pictures", limits, jobs.need),
            sent_clips(folder.path / "clips", limits, jobs.need),
            jobs,
            WorkQueue(limits),
            threading.BoundedSemaphore(2),
        )

    def submit(self, job: Job) -> JobBody:
        """Queue a job, and say how far it is."""
        self.queue.submit(job)
        self.jobs.add(job)
        return self.describe(job)

    def drop(self, job: Job) -> None:
        """Cancel a job and forget it."""
        self.queue.cancel(job)
        self.jobs.forget(job)

    def describe(self, job: Job) -> JobBody:
        """How far a job is."""
        state = job.state  # first: what belongs to a state is there before it is
        return JobBody(
            id=job.id,
            kind=job.kind,
            state=state,
            ahead=self.queue.ahead(job),
            done=job.done,
            total=job.total,
            progress=1.0 if state == "done" else job.progress,
            previews=job.previews,
            outputs=[_output(job, name) for name in list(job.sizes)],
            name=job.name,
            remarks=list(job.remarks),
            error=job.error,
        )

    def cancel_if_left(self, job: Job, again: Callable[[float, Callable[[], None]], object]) -> None:
        """Cancel a job that its client followed, and now neither follows nor asks for.

        Args:
            again: calls a function after so many seconds, to look once more while the client only asks.
        """
        if job.is_over or job.watchers:
            return
        left = time.monotonic() - job.asked
        if left >= self.limits.return_seconds:
            self.queue.cancel(job)
        else:
            again(self.limits.return_seconds - left, lambda: self.cancel_if_left(job, again))

    def sweep(self) -> None:
        self.pictures.sweep()
        self.clips.sweep()
        self.jobs.sweep()

    def close(self) -> None:
        """End all work, and leave no file behind."""
        self.queue.close()
        self.folder.close()


def _output(job: Job, name: str) -> OutputBody:
    height, width = job.sizes[name] or (None, None)
    path = job.files.get(name)
    ready = name in job.results or path is not None
    return OutputBody(name=name, width=width, height=height, format=path and path.suffix[1:], ready=ready)


def _workshop(connection: HTTPConnection) -> Workshop:
    found: Workshop = connection.app.state.workshop
    return found


def _client(connection: HTTPConnection) -> str:
    """Who asks, for turns and limits: the address is all that cannot be made up."""
    return connection.client.host if connection.client is not None else "unknown"


Here = Annotated[Workshop, Depends(_workshop)]
Client = Annotated[str, Depends(_client)]
