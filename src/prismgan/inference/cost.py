"""What all tasks cost together against one alone: time and parameters of a generator."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any

import torch

from prismgan.networks import ImageGenerator

__all__ = ["measure_cost"]


def measure_cost(generator: ImageGenerator, height: int, width: int, repeats: int = 7) -> dict[str, Any]:
    """Median milliseconds of one pass for every task alone and for all, taken in turn so that a busy moment of the
    machine falls on all alike.

    Returns:
        The content of a report's ``cost.json``. ``one_ms`` is the mean over tasks of one task alone: K looks by K runs
        cost K times that.
    """
    source = torch.rand(1, 3, height, width).mul(2).sub(1).to(memory_format=torch.channels_last)
    names = list(generator.specs)
    choices: list[Sequence[str]] = [names, *([name] for name in names)]
    times: list[list[float]] = [[] for _ in choices]
    with torch.inference_mode():
        for repeat in range(repeats + 1):
            for choice, found in zip(choices, times, strict=True):
                start = time.perf_counter()
                generator(source, tasks=choice)
                if repeat:  # the first round warms up
                    found.append(1000 * (time.perf_counter() - start))
    everything, *alone = (statistics.median(found) for found in times)
    one = statistics.mean(alone)
    counts = generator.parameter_counts()
    return {
        "height": height,
        "width": width,
        "tasks": len(names),
        "one_ms": one,
        "all_ms": everything,
        "ratio": everything / one,
        "alone_ms": dict(zip(names, alone, strict=True)),
        "parameters": {
            "trunk": counts.pop("shared"),
            "heads": counts,
        },
    }
