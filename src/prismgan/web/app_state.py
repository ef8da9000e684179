"""The state of a running server: weights, a folder, pictures, clips, jobs and their queue."""

import os
import shutil
import sys
import tempfile
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends
from fastapi.requests import HTTPConnection
from filelock import FileLock, Timeout

from prismgan.render.renderer import Renderer
from prismgan.tasks import Style
from prismgan.web.bodies import JobBody, OutputBody
from prismgan.web.jobs import Job, JobStore
from prismgan.web.limits import Limits
from prismgan.web.uploads import Uploads, check_clip, check_picture
from prismgan.web.work_queue import WorkQueue
from prismgan.weights import Weights


class Session:
    """The weights of a session, including added styles, and their renderer."""

    def __init__(self, weights: Weights, runtime: str | None = None, *, fast: bool = False) -> None:
        self.weights = weights
        self.added: tuple[str, ...] = ()  # names of the added styles
        self._new_renderer = partial(Renderer, runtime=runtime, fast=fast)
        self.renderer = self._new_renderer(weights)

    def add(self, weights: Weights, style: Style) -> None:
        renderer = self._new_renderer(weights)
        self.weights, self.renderer, self.added = weights, renderer, (*self.added, style.name)


PREFIX = "prismgan-serve-"
COMPILER_CACHE = "TORCHINDUCTOR_CACHE_DIR"  # environment variable of torch's compiler
LOCK = "lock"  # file that is locked while the server runs; a process number might be reused


class OwnFolder:
    """The server's own temporary folder. Folders left by killed servers of the same user are removed first."""

    def __init__(self) -> None:
        for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            _remove_abandoned(folder)
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX)
        self.path = Path(self._folder.name)
        new = self.path / "new"
        self._lock = FileLock(new, thread_local=False)
        self._lock.acquire()
        if sys.platform != "win32":  # where open files cannot be renamed
            new.rename(self.path / LOCK)  # visible only after it is locked
        # A training imports a compiler that creates its own folder beside ours, although nothing is compiled.
        os.environ.setdefault(COMPILER_CACHE, str(self.path / "compiler"))

    def close(self) -> None:
        if Path(os.environ.get(COMPILER_CACHE, "")).is_relative_to(self.path):
            del os.environ[COMPILER_CACHE]
        self._lock.release()
        self._folder.cleanup()


def _remove_abandoned(folder: Path) -> None:
    with suppress(OSError, Timeout):  # it was removed meanwhile, is not readable, or its server is running
        ours = sys.platform != "win32" and not folder.is_symlink() and folder.stat().st_uid == os.getuid()
        if ours and (folder / LOCK).is_file():
            with FileLock(folder / LOCK, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)


class AppState:
    def __init__(self, session: Session, limits: Limits) -> None:
        self.session, self.limits = session, limits
        self.folder, self.jobs, self.queue = OwnFolder(), JobStore(limits), WorkQueue(limits)
        shared = self.folder.path, limits, self.jobs.need
        self.pictures = Uploads(
            "picture",
            "prismgan render",
            check_picture,
            *shared,
            file_bytes=limits.upload_bytes,
            output_pixels=limits.output_pixels,
            most=limits.pictures,
            most_of_a_client=limits.pictures_of_a_client,
        )
        self.clips = Uploads(
            "clip",
            "prismgan video",
            check_clip,
            *shared,
            file_bytes=limits.clip_bytes,
            output_pixels=limits.clip_pixels,
            most=limits.clips,
            most_of_a_client=limits.clips_of_a_client,
        )
        self.encoders = threading.BoundedSemaphore(2)  # limit the memory that large results take at once
        self.watchers = 0  # open WebSockets

    def submit(self, job: Job) -> JobBody:
        self.queue.submit(job)
        self.jobs.add(job)
        return self.describe(job)

    def drop(self, job: Job) -> None:
        self.queue.cancel(job)
        self.jobs.forget(job)

    def describe(self, job: Job) -> JobBody:
        state = job.state  # first, because a state is set after the data that belongs to it
        same = {name: getattr(job, name) for name in ("id", "kind", "done", "total", "previews", "name", "error")}
        progress = 1.0 if state == "done" else job.progress
        outputs, remarks = [_output(job, name) for name in list(job.sizes)], list(job.remarks)
        ahead = self.queue.ahead(job)
        return JobBody(**same, state=state, ahead=ahead, progress=progress, outputs=outputs, remarks=remarks)

    def sweep(self) -> None:
        for store in (self.pictures, self.clips, self.jobs):
            store.sweep()

    def close(self) -> None:
        self.queue.close()
        self.folder.close()


def _output(job: Job, name: str) -> OutputBody:
    height, width = job.sizes[name] or (None, None)
    path = job.files.get(name)
    ready = name in job.results or path is not None
    return OutputBody(name=name, width=width, height=height, format=path and path.suffix[1:], ready=ready)


def _app_state(connection: HTTPConnection) -> Any:
    return connection.app.state.app_state


def _client(connection: HTTPConnection) -> str:
    """The client for turns and limits: its address, which is the only property that cannot be faked."""
    return connection.client.host if connection.client is not None else "unknown"


App = Annotated[AppState, Depends(_app_state)]
Client = Annotated[str, Depends(_client)]
