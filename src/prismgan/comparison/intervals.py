"""What a few seeds allow to be said: intervals, paired differences, and corrections for asking many questions."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy import stats

__all__ = ["LEVEL", "Difference", "Interval", "adjusted", "difference", "interval"]

LEVEL = 0.95
"""Confidence of the intervals; what is left of 1 is the error rate of the tests."""


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and where the mean over all seeds would lie."""

    mean: float
    half: float | None
    """Half the width of the interval; None with one seed, which says nothing about others."""
    count: int


@dataclass(frozen=True)
class Difference(Interval):
    """A mean difference over pairs of trainings with the same seed."""

    p: float | None
    """Probability of a difference as large by chance, two-sided; None with one pair."""


def interval(values: Sequence[float]) -> Interval:
    """Mean and Student's interval at :data:`LEVEL`: mean +- t(n - 1) s / sqrt(n).

    Raises:
        ValueError: there is no value.
    """
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Interval(mean, None, len(values))
    quantile = float(stats.t.ppf(0.5 + LEVEL / 2, len(values) - 1))
    return Interval(mean, quantile * statistics.stdev(values) / math.sqrt(len(values)), len(values))


def difference(first: Mapping[int, float], second: Mapping[int, float]) -> Difference | None:
    """``first`` minus ``second`` over the seeds that both have, by the paired t-test; None without such a seed.

    One seed draws the same pictures, crops, degradations and test noise for all models, so pairs leave
    out what all models have in common.
    """
    differences = [first[seed] - second[seed] for seed in first if seed in second]
    if not differences:
        return None
    found = interval(differences)
    return Difference(found.mean, found.half, found.count, _p(differences))


def _p(differences: Sequence[float]) -> float | None:
    if len(differences) < 2:
        return None
    spread = statistics.stdev(differences) / math.sqrt(len(differences))
    mean = statistics.fmean(differences)
    if spread == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stats.t.sf(abs(mean) / spread, len(differences) - 1))


def adjusted(p_values: Sequence[float]) -> list[float]:
    """p-values of one family of tests, corrected so that all of them together err as rarely as one.

    Holm, "A simple sequentially rejective multiple test procedure" (1979): the k-th smallest of m is multiplied by
    m - k + 1, and none is smaller than the one before it.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    found = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        found[index] = highest
    return found
