"""One queue and one worker: clients take turns, and short jobs need not wait for the end of long ones."""

import logging
import threading
from collections import OrderedDict, deque
from itertools import chain, zip_longest

from prismgan.errors import PrismganError
from prismgan.web.api_errors import ApiError, words_of
from prismgan.web.jobs import Cancelled, Job
from prismgan.web.limits import Limits

log = logging.getLogger(__name__)


class WorkQueue:
    """Runs one job of each client in turn; the jobs of one client run in the order of arrival. There is one thread,
    because one render already uses all cores. When a long job calls :meth:`Job.advance`, it stops if it was cancelled,
    and up to one shorter job of every client runs in between."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._waiting: OrderedDict[str, deque[Job]] = OrderedDict()  # by client; the next client comes first
        self._running: list[Job] = []  # the job, followed by shorter ones that interrupt it
        self._changed = threading.Condition()
        self._closed = False
        self._worker = threading.Thread(target=self._work, name="prismgan-worker", daemon=True)
        self._worker.start()

    def submit(self, job: Job) -> None:
        """Append a job to its client's; an :class:`ApiError` (429) if too many are waiting."""
        with self._changed:
            own = self._waiting.get(job.client, deque())
            if len(own) >= self.limits.waiting_of_a_client:
                raise ApiError(429, f"{len(own)} of your jobs are already waiting; try again when one is done")
            if self.waiting >= self.limits.waiting or self._closed:
                raise ApiError(429, "the server's queue is full; try again in a minute")
            job.make_way = lambda: self._make_way(job)
            own.append(job)
            self._waiting[job.client] = own
            self._changed.notify_all()

    def cancel(self, job: Job) -> None:
        """Remove a job from the queue, or stop it between two of its pieces."""
        with self._changed:
            job.unwanted = True
            own = self._waiting.get(job.client)
            if own is not None and job in own:
                self._take(job)
                job.end("cancelled")

    def ahead(self, job: Job) -> int:
        """Number of jobs before this one; 0 if it is not waiting."""
        with self._changed:
            turns = [one for turn in zip_longest(*self._waiting.values()) for one in turn if one is not None]
            return turns.index(job) + len(self._running) if job in turns else 0

    @property
    def waiting(self) -> int:
        with self._changed:
            return sum(map(len, self._waiting.values()))

    def close(self) -> None:
        """Cancel everything, and wait until the worker has stopped."""
        with self._changed:
            self._closed = True
            for job in [*self._running, *chain.from_iterable(self._waiting.values())]:
                self.cancel(job)
            self._changed.notify_all()
        self._worker.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                job = next(iter(self._waiting.values()))[0]
                self._begin(job)
            self._run(job)

    def _make_way(self, job: Job) -> None:
        with self._changed:
            clients = list(self._waiting)
        for client in clients:
            with self._changed:
                own = self._waiting.get(client, deque())
                shorter = next((waiting for waiting in own if waiting.length < job.length), None)
                if shorter is None:
                    continue
                self._begin(shorter)
            self._run(shorter)

    def _take(self, job: Job) -> None:
        """Remove a job from the queue; its client goes to the end of the turn order."""
        own = self._waiting.pop(job.client)
        own.remove(job)
        if own:
            self._waiting[job.client] = own

    def _begin(self, job: Job) -> None:
        self._take(job)
        job.state = "running"
        self._running.append(job)

    def _run(self, job: Job) -> None:
        try:
            job.work(job)
            with self._changed:  # it may be cancelled at the same time
                job.end("cancelled" if job.unwanted else "done")
        except Cancelled:
            job.end("cancelled")
        except PrismganError as error:
            job.end("failed", words_of(error))
        except MemoryError:
            job.end("failed", "this needs more memory than is available; use a smaller picture")
        except Exception:  # a bug ends one job; the others continue
            log.exception("a job of kind %s failed", job.kind)
            job.end("failed", "something went wrong inside the server; its log says what")
        finally:
            with self._changed:
                self._running.remove(job)
