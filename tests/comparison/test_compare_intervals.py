"""Intervals, paired tests and Holm's correction against values by hand."""

from __future__ import annotations

from math import sqrt

import pytest
from scipy import stats

from prismgan.comparison.quality import LEVEL, adjusted, difference, interval


def test_interval_is_students() -> None:
    found = interval([1, 2, 3])
    assert (found.mean, found.count) == (2, 3)
    assert found.half == pytest.approx(4.302653 / sqrt(3), rel=1e-6), "t(0.975, 2) s / sqrt(3), s = 1"
    assert interval([4, 4, 4, 4]).half == 0


def test_one_value_says_nothing_about_others() -> None:
    assert interval([5.0]).half is None
    found = difference({0: 5.0}, {0: 4.0})
    assert found is not None
    assert (found.mean, found.half, found.p) == (1, None, None)


def test_differences_are_over_the_seeds_that_both_have() -> None:
    found = difference({0: 2.0, 1: 4.0, 2: 6.0, 3: 100.0}, {0: 1.0, 1: 2.0, 2: 3.0, 4: 0.0})
    assert found is not None
    assert (found.mean, found.count) == (2, 3)
    # t = 2 / (1 / sqrt 3) with two degrees of freedom: p = 1 - t / sqrt(2 + t^2).
    assert found.p == pytest.approx(1 - sqrt(12 / 14))
    assert difference({0: 1.0}, {1: 1.0}) is None


def test_differences_are_scipys() -> None:
    first, second = {0: 1.0, 1: 2.5, 2: 3.0, 3: 2.0}, {0: 0.5, 1: 2.0, 2: 3.5, 3: 0.0}
    found = difference(first, second)
    assert found is not None and found.half is not None
    test = stats.ttest_rel(list(first.values()), list(second.values()))
    low, high = test.confidence_interval(LEVEL)
    assert (found.mean - found.half, found.mean + found.half) == pytest.approx((low, high))
    assert found.p == pytest.approx(test.pvalue)


def test_differences_without_spread() -> None:
    same, shifted = difference({0: 1, 1: 2}, {0: 1, 1: 2}), difference({0: 2, 1: 3}, {0: 1, 1: 2})
    assert same is not None and same.p == 1
    assert shifted is not None and shifted.p == 0


def test_holm() -> None:
    # The smallest times 3, the next times 2 but not below the one before, the largest not below that.
    assert adjusted([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert adjusted([0.5, 0.9, 0.001]) == pytest.approx([1.0, 1.0, 0.003])
    assert adjusted([0.02]) == [0.02]
    assert adjusted([]) == []
