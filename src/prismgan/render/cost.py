"""Relative cost, measured in one run: above all, all tasks together against one alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from prismgan.networks import ImageGenerator

WARM_UP = 2
"""Rounds that are not counted."""


def measure_cost(generator: ImageGenerator, height: int, width: int, repeats: int = 7) -> dict[str, Any]:
    """Median milliseconds of one pass for every task alone and for all, taken in turn.

    Returns:
        The content of a report's ``cost.json``. ``one_ms`` is the mean over tasks of one task alone: K looks by K runs
        cost K times that.
    """
    source = torch.rand(1, 3, height, width).mul(2).sub(1).to(memory_format=torch.channels_last)
    names = list(generator.specs)
    with torch.inference_mode():
        ways = {name: partial(generator, source, tasks=[name]) for name in names}
        # No task is named so: names of tasks are not empty.
        seconds = take_turns({"": partial(generator, source, tasks=names), **ways}, repeats)
    everything, *alone = (1000 * found for found in seconds.values())
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


def take_turns(
    ways: Mapping[str, Callable[[], object]], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Median seconds of each, taken in turn so that a busy moment of the machine falls on all alike.

    With ``time.process_time`` as the clock they are what processors worked for this process, all threads together.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(WARM_UP + repeats):
        for name, run in ways.items():
            start = clock()
            run()
            if repeat >= WARM_UP:
                times[name].append(clock() - start)
    return {name: statistics.median(found) for name, found in times.items()}
