"""Spreads jobs over the machines of a Ray cluster; if a machine dies, only its current jobs are repeated."""

import logging
import math
import os
import platform
import secrets
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Generic, NamedTuple, TypeVar

import prismgan
from prismgan.errors import PrismganError, explained, one_line, reason_of, shortened
from prismgan.machine import keep_freed_memory
from prismgan.packages import require

Job = TypeVar("Job")
Result = TypeVar("Result")
TRIES = 3  # number of dead workers after which a job is given up, because it may be what kills them
NO_WORKER_SECONDS = 60.0  # without any worker, after which the user is informed
CONNECTING = 10.0  # seconds in which a cluster has to answer
OBJECT_STORE = 500_000_000  # bytes for objects if Ray is started here: only weights and short messages are sent


class Done(NamedTuple, Generic[Job, Result]):
    job: Job
    result: Result | None  # None if all workers that had it died
    node: str  # name of the machine that did it


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Connect this process to a Ray cluster for a block; :class:`PrismganError` if none answers. ``address`` is for
    example ``auto`` for the cluster that this machine belongs to, or ``10.0.0.1:6379``; by default ``RAY_ADDRESS``, or
    else a cluster of this machine alone that ends with the block."""
    require("--engine ray", "ray", "ray")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no usage statistics
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # silences a deprecation warning
    import ray

    # Ray prints the log of a dying machine to stdout, where other programs expect the results, and has no setting
    # against that. The loss of a machine does not matter here, because others do its jobs.
    ray._private.worker.print_to_stdstream = lambda *_, **__: None
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    _refuse_dead(address)
    own: dict[str, Any] = {}
    if address == "local":
        own = {"include_dashboard": False, "object_store_memory": OBJECT_STORE}
        # Otherwise Ray writes one into the home folder, which breaks the connection to clusters without a token.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL, **own)
    except Exception as error:  # a plain Exception if its processes do not start in time
        raise _unusable(address, error) from None
    try:
        yield
    finally:
        ray.shutdown()


def spread(
    jobs: Sequence[Job],
    make: Callable[..., Callable[[Job], Result]],
    *arguments: object,
    memory: int,
    workers: int | None = None,
    folder: str | None = None,
    remark: Callable[[str], None] = lambda text: None,
) -> Iterator[Done[Job, Result]]:
    """Run jobs on a cluster that this process is :func:`connected` to; results come in the order of completion.

    A worker is a process with one core, and a GPU if the cluster has any, that does one job at a time. A job whose
    worker died is given to another one. A :class:`PrismganError` of a worker is raised.

    Args:
        make: called once by every worker; returns the function that does a job. Its ``arguments`` are sent once to
            every machine.
        memory: bytes per worker. A machine gets only as many workers as its memory and cores allow.
        workers: number of workers; by default as many as there is room for.
        folder: working directory of the workers; by default any.
    """
    if not jobs:
        return
    import ray
    from ray.exceptions import RayError, RayTaskError

    gpus = int(ray.cluster_resources().get("GPU", 0))
    shared = [ray.put(argument) for argument in arguments]
    # Ray must not restart workers: they would wait for room even if there will never be any.
    worker_class = ray.remote(_Worker).options(num_cpus=1, num_gpus=min(1, gpus), memory=memory, max_restarts=0)
    rooms = (node["Resources"] for node in ray.nodes() if node["Alive"])
    room = sum(int(min(each.get("CPU", 0), each.get("memory", 0) // memory)) for each in rooms)
    most = min(workers or gpus or max(1, room), len(jobs))  # without room, one worker waits for it
    waiting, died, failed_starts = deque(range(len(jobs))), Counter[int](), 0
    running: dict[Any, tuple[Any, str, int | None]] = {}  # by reference: worker, machine, job; None while it starts
    idle: list[tuple[Any, str]] = []
    alone_since = time.monotonic()
    try:
        while waiting or any(number is not None for _, _, number in running.values()):
            while waiting and idle:
                worker, node = idle.pop()
                following = waiting.popleft()
                running[worker.do.remote(jobs[following])] = worker, node, following
            starting = sum(number is None for _, _, number in running.values())
            for _ in range(min(most - len(running), len(waiting) - starting)):
                worker = worker_class.remote(make, folder, *shared)
                running[worker.start.remote(prismgan.__version__)] = worker, "", None
            ended, _ = ray.wait(list(running), timeout=1.0)
            if ended or starting < len(running):
                alone_since = time.monotonic()
            elif time.monotonic() - alone_since > NO_WORKER_SECONDS:
                alone_since = math.inf  # once
                remark(f"waiting for a machine with a free core and {memory / 1e9:.1f} GB of memory for a worker")
            for reference in ended:
                worker, node, number = running.pop(reference)
                try:
                    result = ray.get(reference)
                except RayTaskError as error:
                    raise (error.cause if isinstance(error.cause, PrismganError) else error) from None
                except RayError as error:
                    # Other workers of the same machine are dead, too, or are restarted.
                    for dead in (worker, *(each for each, place in idle if place == node)):
                        ray.kill(dead)
                    idle = [(each, place) for each, place in idle if place != node]
                    if number is None:
                        failed_starts += 1
                        _check_start(error, failed_starts - most)
                    elif died[number] + 1 < TRIES:
                        died[number] += 1
                        waiting.appendleft(number)
                    else:
                        yield Done(jobs[number], None, node)
                    continue
                if number is None:
                    idle.append((worker, result))
                    failed_starts = 0
                else:
                    idle.append((worker, node))
                    yield Done(jobs[number], result, node)
    finally:
        if ray.is_initialized():  # otherwise they ended with the connection
            for worker in (*(each for each, _ in idle), *(each for each, _, _ in running.values())):
                with suppress(RayError):  # of one that has not started yet
                    ray.kill(worker)


def _refuse_dead(address: str) -> None:
    """Raise if nothing answers at the address; Ray itself would retry for minutes, with messages on stderr."""
    import ray

    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdecimal():
        return None
    hosts = [host, *([ray.util.get_node_ip_address()] if host in ("localhost", "127.0.0.1") else [])]
    for name in hosts:
        try:
            return socket.create_connection((name.strip("[]"), int(port)), timeout=CONNECTING).close()
        except (OSError, OverflowError) as error:  # the latter for an invalid port
            reason = error
    raise _unusable(address, reason)


def _unusable(address: str, error: Exception) -> PrismganError:
    reason = shortened(reason_of(error), 300)
    return PrismganError(f"--address {address}: no Ray cluster can be used there ({reason})")


class _Worker(Generic[Job, Result]):
    """The process on the machines of the cluster."""

    def __init__(self, make: Callable[..., Callable[[Job], Result]], folder: str | None, *arguments: object) -> None:
        self._make, self._folder, self._arguments = make, folder, arguments

    def start(self, version: str) -> str:
        """Prepare the worker, with errors as messages; returns the name of this machine."""
        import ray

        name = platform.node()
        if version != prismgan.__version__:
            raise PrismganError(f"{name}: has prismgan {prismgan.__version__}, expected {version} as here; install it")
        if self._folder is not None:
            advice = "; start the command in a folder that all machines share, or use absolute paths for all files"
            with explained(f"{name}: has no folder {self._folder}", advice):
                os.chdir(self._folder)
        keep_freed_memory()
        self._do = self._make(*self._arguments)
        return f"{name} ({ray.get_runtime_context().get_node_id()[:8]})"

    def do(self, job: Job) -> Result:
        return self._do(job)


def _check_start(error: Any, failures: int) -> None:
    """Raise if workers cannot be created, for example without prismgan, or keep dying before their first job."""
    if getattr(error, "actor_init_failed", False) or failures >= TRIES:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        need = "all machines need the same prismgan, the same RAY_AUTH_MODE and token, and the memory of a worker"
        raise PrismganError(f"a worker cannot start ({shortened(one_line(lines[-1]), 300)}); {need}")
