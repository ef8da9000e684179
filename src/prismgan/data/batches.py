"""Batches of a training set, in order, from any step on, prepared by worker processes or in this one."""

import math
import multiprocessing
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch.utils.data import DataLoader, Dataset, default_collate

from prismgan.batch import Batch
from prismgan.data.training_set import Sample, TrainingSet
from prismgan.errors import DataError, PrismganError


class Part(NamedTuple):
    """Samples that some of a training's steps read."""

    dataset: TrainingSet
    batch_size: int  # rows in a batch of one rank
    share: float = 1.0  # of the steps; the shares of all parts add up to 1


def collate(samples: Sequence[Sample]) -> Batch:
    parts = [{key: value for key, value in vars(sample).items() if key != "skipped"} for sample in samples]
    skipped = dict.fromkeys(name for sample in samples for name in sample.skipped)
    return Batch(**default_collate(parts), skipped=tuple(skipped))


Place = tuple[int, int]  # number of a part, and a position in it


def _places(parts: Sequence[Part], start_step: int, steps: int, rank: int, world: int) -> Iterator[list[Place]]:
    """The places of this rank's rows, a list for every step; what a DataLoader calls a batch sampler."""
    ends = [*accumulate(part.share for part in parts[:-1])]

    def taken(step: int) -> list[int]:
        """Of the first ``step`` steps, how many each part has: shares in order of the parts, as evenly as can be."""
        return [last - first for first, last in pairwise([0, *(math.floor(step * end) for end in ends), step])]

    for step in range(start_step, start_step + steps):
        before, after = taken(step), taken(step + 1)
        part = next(number for number in range(len(after)) if after[number] > before[number])
        rows = parts[part].batch_size
        first = (before[part] * world + rank) * rows
        yield [(part, position) for position in range(first, first + rows)]


@contextmanager
def _one_thread() -> Iterator[None]:
    """One torch thread, as a worker process has, so that samples are bitwise the same without workers."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _Prepared(Dataset[Sample | PrismganError]):
    """Samples by position. A PrismganError comes back as a value: raised, it would be wrapped into the worker's
    traceback."""

    def __init__(self, datasets: Sequence[TrainingSet]) -> None:
        self._datasets = datasets

    def __getitem__(self, place: Place) -> Sample | PrismganError:
        part, position = place
        try:
            with _one_thread():
                return self._datasets[part].sample(position)
        except PrismganError as error:
            return error


def batches(
    parts: Sequence[Part],
    start_step: int,
    steps: int,
    rank: int = 0,
    world: int = 1,
    workers: int = 1,
) -> Iterator[Batch]:
    """The batches of steps ``start_step`` to ``start_step + steps - 1``, prepared by ``workers`` processes of one
    thread each, or, with 0, in this one. The n-th step of a part, of all ranks together, holds the part's positions
    from n x world x batch_size on; rank r of ``world`` has the r-th of them. What a batch holds depends on neither
    ``start_step`` nor ``workers``, and the global random number generators are left alone."""
    order = _places(parts, start_step, steps, rank, world)
    prepared = _Prepared([part.dataset for part in parts])
    for batch in _received(_loader(prepared, order, workers)) if workers else _loader(prepared, order, 0):
        if isinstance(batch, PrismganError):
            raise batch
        yield batch


def _loader(prepared: _Prepared, order: Iterator[list[Place]], workers: int) -> Iterator[Batch | PrismganError]:
    """Batches from worker processes. Nobody may keep it: they end when it is let go, which a traceback could delay."""
    # Forked workers share the cache of decoded pictures; others would each be sent a copy of it.
    fork = workers > 0 and "fork" in multiprocessing.get_all_start_methods()
    with warnings.catch_warnings():
        # More workers than cores are slower, not wrong, and the recipe asked for them.
        warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)
        loader = DataLoader(
            prepared,
            batch_sampler=order,
            collate_fn=_collate_or_error,
            num_workers=workers,
            multiprocessing_context="fork" if fork else None,
            worker_init_fn=_leave_signals_to_the_parent,
            # The loader draws a seed for its workers, which is of no use here, from the generator it is given.
            generator=torch.Generator(),
        )
        return iter(loader)


def _received(loader: Iterator[Batch | PrismganError]) -> Iterator[Batch | PrismganError]:
    """What the workers send; a DataError says that one was killed."""
    try:
        yield from _interrupted_while_waiting(loader)
    except (RuntimeError, ConnectionError, EOFError) as error:
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        raise DataError(
            f"data: a worker process was killed ({str(error).splitlines()[0] if str(error) else 'no answer'}); "
            "lower data.cache_mb for want of memory, or set data.workers to 0"
        ) from error


def _interrupted_while_waiting(loader: Iterator[Batch | PrismganError]) -> Iterator[Batch | PrismganError]:
    """What a loader gives. torch's handler of SIGCHLD raises where a worker has died, wherever this process happens to
    be, also in a ``__del__``; so it is in place only while a batch is waited for."""
    main_thread = threading.current_thread() is threading.main_thread()
    check = signal.getsignal(signal.SIGCHLD) if main_thread and hasattr(signal, "SIGCHLD") else None
    if not callable(check):  # torch has a handler only where there is such a signal, and only in the main thread
        yield from loader
        return
    try:
        while True:
            signal.signal(signal.SIGCHLD, check)
            try:
                check(signal.SIGCHLD, None)  # a worker may have died since the last batch
                batch = next(loader, None)
            except (ConnectionError, EOFError):  # a worker that is about to die has closed its side
                _wait_for_death(check)
                raise
            finally:
                signal.signal(signal.SIGCHLD, _ignore)
            if batch is None:
                return
            yield batch
    finally:
        signal.signal(signal.SIGCHLD, check)


def _wait_for_death(check: Callable[[int, FrameType | None], Any]) -> None:
    """``check`` raises once the worker has died, and has then forgotten all workers: nobody else is told."""
    for _ in range(50):
        check(signal.SIGCHLD, None)
        time.sleep(0.1)


def _ignore(number: int, frame: FrameType | None) -> None:
    """A handler that does nothing; unlike SIG_IGN it leaves the exit codes of processes to whoever waits for them."""


def _leave_signals_to_the_parent(_: int) -> None:
    """A terminal or a scheduler signals all processes of a group; training still needs its workers to stop in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _collate_or_error(items: list[Sample | PrismganError]) -> Batch | PrismganError:
    error = next((item for item in items if isinstance(item, PrismganError)), None)
    return collate([item for item in items if isinstance(item, Sample)]) if error is None else error
