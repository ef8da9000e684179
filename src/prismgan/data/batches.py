"""Batches of a training set, in order, starting at any step, prepared by worker processes or in this process."""

import math
import multiprocessing
import signal
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
from torch._C import _error_if_any_worker_fails
from torch.utils.data import DataLoader, Dataset, default_collate
from torch.utils.data._utils import signal_handling

from prismgan.batch import Batch
from prismgan.data.training_set import Sample, TrainingSet
from prismgan.errors import DataError, PrismganError, reason_of


class Part(NamedTuple):
    """A training set that some of a training's steps read."""

    dataset: TrainingSet
    batch_size: int  # rows in a batch of one rank
    share: float = 1.0  # of the steps; the shares of all parts add up to 1


def collate(samples: Sequence[Sample]) -> Batch:
    parts = [{key: value for key, value in vars(sample).items() if key != "skipped"} for sample in samples]
    skipped = dict.fromkeys(name for sample in samples for name in sample.skipped)
    return Batch(**default_collate(parts), skipped=tuple(skipped))


Place = tuple[int, int]  # number of a part, and a position in it


def _places(parts: Sequence[Part], start_step: int, steps: int, rank: int, world: int) -> Iterator[list[Place]]:
    """The places of this rank's rows, a list for every step: a batch sampler for a DataLoader."""
    ends = [*accumulate(part.share for part in parts[:-1])]

    def taken(step: int) -> list[int]:
        """How many of the first ``step`` steps each part has, in order, spread as evenly as possible."""
        return [last - first for first, last in pairwise([0, *(math.floor(step * end) for end in ends), step])]

    for step in range(start_step, start_step + steps):
        before, after = taken(step), taken(step + 1)
        part = next(number for number in range(len(after)) if after[number] > before[number])
        rows = parts[part].batch_size
        first = (before[part] * world + rank) * rows
        yield [(part, position) for position in range(first, first + rows)]


@contextmanager
def _one_thread() -> Iterator[None]:
    """One torch thread, as in a worker process, so that samples are bitwise the same without workers."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _Prepared(Dataset[Sample | PrismganError]):
    """Samples by position. A PrismganError is returned: if a worker raised it, it would be wrapped in a traceback."""

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
    parts: Sequence[Part], start_step: int, steps: int, rank: int = 0, world: int = 1, workers: int = 1
) -> Iterator[Batch]:
    """The batches of steps ``start_step`` to ``start_step + steps - 1``, prepared by ``workers`` processes of one
    thread each, or, with 0, in this process. The n-th step of a part, over all ranks, has the part's positions starting
    at n x world x batch_size; rank r of ``world`` gets the r-th share of them. The content of a batch depends neither
    on ``start_step`` nor on ``workers``, and the global random number generators are not used."""
    order = _places(parts, start_step, steps, rank, world)
    prepared = _Prepared([part.dataset for part in parts])
    for batch in _received(_loader(prepared, order, workers)) if workers else _loader(prepared, order, 0):
        if isinstance(batch, PrismganError):
            raise batch
        yield batch


def _loader(prepared: _Prepared, order: Iterator[list[Place]], workers: int) -> Iterator[Batch | PrismganError]:
    """Batches from worker processes. Keep no reference to it: the workers end when it is released."""
    # Forked workers share the cache of decoded pictures; others would each be sent a copy of it.
    fork = workers > 0 and "fork" in multiprocessing.get_all_start_methods()
    # Or a handler of SIGCHLD would raise wherever this process happens to be when a worker dies, also in a ``__del__``.
    signal_handling._SIGCHLD_handler_set = True
    with warnings.catch_warnings():
        # More workers than cores are slower, not wrong, and the recipe requests them.
        warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)
        loader = DataLoader(
            prepared,
            batch_sampler=order,
            collate_fn=_collate_or_error,
            num_workers=workers,
            multiprocessing_context="fork" if fork else None,
            worker_init_fn=_leave_signals_to_the_parent,
            generator=torch.Generator(),  # for the workers' seeds, which are not used
        )
        return iter(loader)


def _received(loader: Iterator[Batch | PrismganError]) -> Iterator[Batch | PrismganError]:
    """The batches that the workers send; DataError if one was killed."""
    try:
        while True:
            _error_if_any_worker_fails()  # one may have died since the last batch
            try:
                batch = next(loader, None)
            except (ConnectionError, EOFError):  # a dying worker has closed its side
                for _ in range(50):
                    _error_if_any_worker_fails()
                    time.sleep(0.1)
                raise
            if batch is None:
                return
            yield batch
    except (RuntimeError, ConnectionError, EOFError) as error:
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        cure = "reduce data.cache_mb if memory is short, or set data.workers to 0"
        raise DataError(f"data: a worker process was killed ({reason_of(error)}); {cure}") from error


def _leave_signals_to_the_parent(_: int) -> None:
    """Ignore signals in workers: terminals signal the whole process group, but training stops its workers in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _collate_or_error(items: list[Sample | PrismganError]) -> Batch | PrismganError:
    error = next((item for item in items if isinstance(item, PrismganError)), None)
    return collate([item for item in items if isinstance(item, Sample)]) if error is None else error
