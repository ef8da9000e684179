"""Jobs by id, those that wait, that run and that are over; the oldest of the last are forgotten."""

from __future__ import annotations

import threading
import time

from prismgan.web.jobs import Job
from prismgan.web.limits import Limits
from prismgan.web.refusals import Refusal
from prismgan.web.uploads import Upload

__all__ = ["JobStore"]


class JobStore:
    """Bounded in number, in memory and files for results, and in age."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def add(self, job: Job) -> None:
        """Keep a job."""
        self.sweep()
        with self._lock:
            self._jobs[job.id] = job

    def get(self, name: str, kind: str) -> Job:
        """The job of this id.

        Raises:
            Refusal: there is none of this kind (404).
        """
        with self._lock:
            job = self._jobs.get(name)
        if job is None or job.kind != kind:
            raise Refusal(404, f"no {kind} has this id; it was cancelled, or is too old: ask for it again")
        job.asked = time.monotonic()
        return job

    def forget(self, job: Job) -> None:
        """Do not keep it any more. What came out of it is let go of, at the latest when it ends: cancel it first."""
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
