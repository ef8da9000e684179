"""The frame of a chart: from values to places on the drawing, and where the labels go."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BOTTOM",
    "HEIGHT",
    "LEFT",
    "RIGHT",
    "TOP",
    "WIDTH",
    "Axis",
    "Floats",
    "steps_axis",
    "values_axis",
]

WIDTH, HEIGHT = 360, 200
"""Size of the drawing in its own units, about one CSS pixel each."""
LEFT, RIGHT, TOP, BOTTOM = 44, 352, 8, 178
"""Edges of the plotting area."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """A range of values and the part of the drawing that it covers."""

    low: float
    high: float
    start: float
    """Place of ``low`` in the drawing's units."""
    end: float
    """Place of ``high``."""
    logarithmic: bool = False

    def position(self, value: float) -> float:
        """Place of a value; one outside the range is put on its border."""
        low, high, clipped = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, clipped = math.log(low), math.log(high), math.log(clipped)
        return self.start + (clipped - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """About three to six round values inside the range."""
        if self.logarithmic:
            low, high = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            every = 1 + (high - low) // 6
            decades = math.log10(self.high / self.low)
            digits = (1, 2, 5) if decades < 1.7 else (1, 3) if decades < 2.5 else (1,)
            ticks = [digit * 10.0**power for power in range(low, high + 1, every) for digit in digits]
            return [tick for tick in ticks if self.low <= tick <= self.high]
        size = next(size for size in _round_sizes(self.high - self.low) if (self.high - self.low) / size <= 5)
        first, last = math.ceil(self.low / size - 1e-9), math.floor(self.high / size + 1e-9)
        return [float(f"{index * size:.10g}") for index in range(first, last + 1)]


def _round_sizes(span: float) -> Iterator[float]:
    """1, 2, 5, 10, ... times a power of ten, from well below ``span``."""
    power = math.floor(math.log10(span)) - 2
    for exponent in itertools.count(power):
        for digit in (1, 2, 5):
            yield digit * 10.0**exponent


def steps_axis(steps: Floats) -> Axis:
    """The horizontal axis, over training steps."""
    low, high = float(steps.min()), float(steps.max())
    if low == high:
        low, high = low - 1, high + 1
    return Axis(low, high, LEFT, RIGHT)


def values_axis(curves: Sequence[Floats], bounds: tuple[float, float] | None) -> Axis:
    """The vertical axis: ``bounds``, or what all but the rarest values of the curves need.

    Logarithmic where all values are positive and span more than a factor of ten.
    """
    if bounds:
        return Axis(*bounds, BOTTOM, TOP)
    low = min(float(np.quantile(values, 0.002, method="inverted_cdf")) for values in curves)
    high = max(float(np.quantile(values, 0.998, method="inverted_cdf")) for values in curves)
    if min(float(values.min()) for values in curves) > 0 and high > 10 * low:
        return Axis(low / 1.1, high * 1.1, BOTTOM, TOP, logarithmic=True)
    rim = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    bottom = 0.0 if low >= 0 and low - rim < 0.3 * high else low - rim
    return Axis(bottom, high + rim, BOTTOM, TOP)
