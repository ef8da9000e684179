"""Everything that a running server has, in one place."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection

from prismgan.web.bodies import JobBody, OutputBody
from prismgan.web.clips import SentClip, sent_clips
from prismgan.web.job_store import JobStore
from prismgan.web.jobs import Job
from prismgan.web.limits import Limits
from prismgan.web.own_folder import OwnFolder
from prismgan.web.pictures import SentPicture, sent_pictures
from prismgan.web.studio import Studio
from prismgan.web.uploads import Uploads
from prismgan.web.work_queue import WorkQueue

__all__ = ["Client", "Here", "Workshop"]


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
            job: what nobody follows any more.
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
        """Forget what is old."""
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
