"""The queue: turns, limits, cancelling, and yielding."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from helpers.tiny_server import until
from prismgan.errors import PrismganError
from prismgan.web.api_errors import ApiError
from prismgan.web.jobs import Job, Length
from prismgan.web.limits import Limits
from prismgan.web.work_queue import WorkQueue


class Gate:
    """A queue whose worker is busy with a first job until the gate is opened."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.queue = WorkQueue(limits or Limits())
        self.order: list[str] = []
        self.opened = threading.Event()
        self.first = self.submit("gate", "door", lambda job: self.opened.wait(30))
        until(lambda: self.first.state == "running")

    def submit(
        self, client: str, name: str, work: Callable[[Job], object] | None = None, length: Length = Length.SECONDS
    ) -> Job:
        def run(job: Job) -> None:
            self.order.append(name)
            if work is not None:
                work(job)

        job = Job(client, run, length, name=name)
        self.queue.submit(job)
        return job

    def run_all(self) -> list[str]:
        """Names in the order in which they ran."""
        self.opened.set()
        until(lambda: not self.queue.waiting and not self.queue._running)
        return self.order[1:]


@pytest.fixture
def gate() -> Iterator[Gate]:
    found = Gate()
    yield found
    found.opened.set()
    found.queue.close()


def test_clients_take_turns(gate: Gate) -> None:
    jobs = [gate.submit(name[0], name) for name in ("a1", "a2", "a3", "b1", "c1", "c2")]
    expected = ["a1", "b1", "c1", "a2", "c2", "a3"]
    for job in jobs:
        assert gate.queue.ahead(job) == 1 + expected.index(job.name)
    assert gate.run_all() == expected
    assert all(job.state == "done" for job in jobs)


def test_too_many_jobs_are_refused() -> None:
    gate = Gate(Limits(waiting=4, waiting_of_a_client=3))
    for number in range(3):
        gate.submit("a", f"a{number}")
    with pytest.raises(ApiError, match="3 of your jobs are already waiting") as refused:
        gate.submit("a", "a3")
    assert refused.value.status_code == 429
    gate.submit("b", "b0")
    with pytest.raises(ApiError, match="queue is full") as refused:
        gate.submit("c", "c0")
    assert refused.value.status_code == 429
    assert gate.run_all() == ["a0", "b0", "a1", "a2"]
    gate.submit("c", "c0")
    gate.queue.close()


def test_what_waits_is_cancelled_at_once_and_makes_room(gate: Gate) -> None:
    jobs = [gate.submit("a", f"a{number}") for number in range(3)]
    gate.queue.cancel(jobs[1])
    assert jobs[1].state == "cancelled"
    assert gate.queue.waiting == 2
    assert gate.queue.ahead(jobs[2]) == 2
    assert gate.run_all() == ["a0", "a2"]


def test_what_runs_is_cancelled_between_two_pieces(gate: Gate) -> None:
    reached = threading.Event()

    def endless(job: Job) -> None:
        for piece in range(10_000):
            job.advance(piece, 10_000)
            reached.set()
            threading.Event().wait(0.001)

    job = gate.submit("a", "long", endless)
    gate.opened.set()
    assert reached.wait(10)
    gate.queue.cancel(job)
    until(lambda: job.state == "cancelled")
    assert gate.submit("a", "next") and until(lambda: gate.order[-1] == "next")


def test_a_long_job_makes_way_for_one_short_job_of_every_client(gate: Gate) -> None:
    def pieces(job: Job) -> None:
        for piece in range(1, 4):
            gate.order.append(f"piece {piece}")
            job.advance(piece, 3)

    gate.submit("z", "long", pieces, Length.MINUTES)
    for name in ("a1", "a2", "b1"):
        gate.submit(name[0], name)
    gate.submit("b", "b-long", length=Length.MINUTES)
    assert gate.run_all() == ["long", "piece 1", "a1", "b1", "piece 2", "a2", "piece 3", "b-long"]


def test_the_longest_make_way_for_the_long_and_those_for_the_short(gate: Gate) -> None:
    def frames(job: Job) -> None:
        gate.submit("b", "training", steps, Length.MINUTES)
        job.advance(1, 1)
        gate.order.append("frame")

    def steps(job: Job) -> None:
        gate.submit("c", "picture")
        gate.submit("c", "other clip", length=Length.HOURS)
        job.advance(1, 1)
        gate.order.append("step")

    gate.submit("a", "clip", frames, Length.HOURS)
    assert gate.run_all() == ["clip", "training", "picture", "step", "frame", "other clip"]


def test_a_short_job_makes_way_for_nothing(gate: Gate) -> None:
    gate.submit("a", "a1", lambda job: [job.advance(piece, 2) or gate.order.append("piece") for piece in (1, 2)])
    gate.submit("b", "b1")
    assert gate.run_all() == ["a1", "piece", "piece", "b1"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PrismganError("too small; take another"), "too small; take another"),
        (MemoryError(), "memory"),
        (ZeroDivisionError("secret"), "its log says"),
    ],
)
def test_a_job_that_fails_says_why_and_stops_no_other(gate: Gate, error: Exception, words: str) -> None:
    def fail(job: Job) -> None:
        raise error

    job, other = gate.submit("a", "fails", fail), gate.submit("a", "other")
    gate.run_all()
    assert (job.state, other.state) == ("failed", "done")
    assert job.error is not None
    assert words in job.error
    assert "secret" not in job.error


def test_closing_cancels_everything() -> None:
    gate = Gate()

    def endless(job: Job) -> None:
        while True:
            job.advance(0, 1)
            threading.Event().wait(0.001)

    running, waiting = gate.submit("a", "long", endless), gate.submit("a", "waits")
    gate.opened.set()
    until(lambda: running.state == "running")
    gate.queue.close()
    assert (running.state, waiting.state) == ("cancelled", "cancelled")
    with pytest.raises(ApiError):
        gate.submit("b", "late")
