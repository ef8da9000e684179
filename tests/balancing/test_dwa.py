"""Dynamic weight average, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from prismgan.balancing import DynamicWeightAverage, Step, balancer


@pytest.fixture(autouse=True)
def _short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balancer, "WINDOW", 2)


def play(balancer: DynamicWeightAverage, step: Step | None = None, **losses: float) -> dict[str, float]:
    """Factors of the losses in a step with these losses."""
    given = {name: torch.tensor(value, requires_grad=True) for name, value in losses.items()}
    balancer(given, step or Step({})).backward()
    return {name: float(loss.grad) for name, loss in given.items() if loss.grad is not None}


def softmax(*ratios: float) -> list[float]:
    powers = [math.exp(ratio / 2) for ratio in ratios]
    return [len(ratios) * power / sum(powers) for power in powers]


def test_weights_follow_the_ratio_of_the_last_two_windows_means() -> None:
    balancer = DynamicWeightAverage({"clean": 1.0, "paint": 3.0})
    for clean, paint in ((4.0, 10.0), (8.0, 30.0), (1.0, 20.0), (2.0, 10.0)):
        assert play(balancer, clean=clean, paint=paint) == pytest.approx({"clean": 1, "paint": 3}), "two windows of 1"
    # Means 6 and 20, then 1.5 and 15: the task whose loss fell to a quarter gets less.
    clean, paint = softmax(0.25, 0.75)
    assert balancer.weights() == pytest.approx({"clean": clean, "paint": paint})
    assert play(balancer, clean=100.0, paint=1.0) == pytest.approx({"clean": clean, "paint": 3 * paint})
    assert clean < 1 < paint
    assert clean + paint == pytest.approx(2)


def test_a_task_that_is_not_drawn_keeps_its_ratio() -> None:
    balancer = DynamicWeightAverage({"clean": 1.0, "paint": 1.0})
    for value in (4.0, 4.0, 2.0, 2.0):
        play(balancer, clean=value, paint=1.0)
    for _ in range(2):
        play(balancer, paint=3.0)
    assert list(balancer.weights().values()) == pytest.approx(softmax(0.5, 3))


def test_a_mean_is_over_the_steps_that_a_task_was_drawn_in() -> None:
    balancer = DynamicWeightAverage({"clean": 1.0, "paint": 1.0})
    play(balancer, clean=4.0, paint=1.0)
    play(balancer, paint=1.0)
    play(balancer, clean=3.0, paint=1.0)
    play(balancer, clean=3.0, paint=1.0)
    assert list(balancer.weights().values()) == pytest.approx(softmax(0.75, 1))


def test_losses_are_those_of_all_processes() -> None:
    balancer = DynamicWeightAverage({"clean": 1.0, "paint": 1.0})
    others = torch.tensor([3.0, 0.0])
    step = Step({}, total=lambda losses: losses + others, processes=2)
    for value in (5.0, 5.0, 1.0, 1.0):  # means of both: 4, then 2
        play(balancer, step, clean=value, paint=1.0)
    assert list(balancer.weights().values()) == pytest.approx(softmax(0.5, 1))


@pytest.mark.parametrize("odd", [0.0, -2.0, math.nan, math.inf])
def test_what_says_nothing_about_pace_counts_as_no_change(odd: float) -> None:
    balancer = DynamicWeightAverage({"clean": 1.0, "paint": 1.0})
    for value in (odd, odd, 1.0, 1.0):
        play(balancer, clean=value, paint=1.0)
    assert list(balancer.weights().values()) == pytest.approx([1, 1])


def test_nothing_of_it_learns() -> None:
    assert not list(DynamicWeightAverage({"clean": 1.0}).parameters())
