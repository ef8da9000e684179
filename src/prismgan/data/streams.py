"""Random numbers as a pure function of a key, such as (seed, position, purpose). There is no state to save: a run that
is resumed at a step draws exactly the same numbers as an uninterrupted run, in any process, and a new purpose (for
example a new task) changes nothing for the others."""

import zlib

import numpy as np
import torch


def stream(*key: int | str) -> torch.Generator:
    """A separate generator for ``key``; integers have to be at least 0."""
    numbers = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in key]
    words = np.random.SeedSequence(numbers).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(words[0]) << 32 | int(words[1]))


def uniform(generator: torch.Generator, low: float, high: float) -> float:
    """A number drawn evenly from [low, high)."""
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


def integer(generator: torch.Generator, low: int, high: int) -> int:
    """A whole number drawn evenly from low to high, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def permutation(generator: torch.Generator, count: int) -> list[int]:
    """The numbers 0 to ``count - 1`` in random order."""
    return [int(index) for index in torch.randperm(count, generator=generator)]
