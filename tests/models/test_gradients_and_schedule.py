"""Clipping by hand, skipped steps, and the learning rate's curve."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from prismgan.models.config import Schedule
from prismgan.models.gradients import apply_gradients, average_gradients, processes, total


def parameters(*gradients: list[float]) -> list[nn.Parameter]:
    made = [nn.Parameter(torch.zeros(len(gradient))) for gradient in gradients]
    for parameter, gradient in zip(made, gradients, strict=True):
        parameter.grad = torch.tensor(gradient)
    return made


@pytest.mark.parametrize(("limit", "factor"), [(26.0, 1.0), (6.5, 0.5), (1.3, 0.1), (None, 1.0)])
def test_all_gradients_are_scaled_together(limit: float | None, factor: float) -> None:
    made = parameters([3.0, 4.0], [0.0], [12.0])
    norm, taken = apply_gradients(torch.optim.SGD(made, lr=1.0), limit)
    assert (float(norm), float(taken)) == (pytest.approx(13), 1)
    found = [value for parameter in made for value in parameter.grad.tolist()]  # type: ignore[union-attr]
    assert found == pytest.approx([3 * factor, 4 * factor, 0, 12 * factor], rel=1e-5)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("limit", [1.0, None])
def test_a_step_with_a_gradient_that_is_not_finite_is_not_taken(bad: float, limit: float | None) -> None:
    made = parameters([3.0, bad], [1.0])
    optimizer = torch.optim.Adam(made, lr=0.1)
    norm, taken = apply_gradients(optimizer, limit)
    assert not norm.isfinite()
    assert float(taken) == 0
    assert all(not parameter.detach().any() for parameter in made)
    assert not optimizer.state


def test_a_step_is_taken_with_the_clipped_gradient() -> None:
    made = parameters([3.0, 4.0])
    norm, taken = apply_gradients(torch.optim.SGD(made, lr=1.0), 1.0)
    assert (float(norm), float(taken)) == (5, 1)
    assert made[0].tolist() == pytest.approx([-0.6, -0.8], rel=1e-5)


def test_parameters_without_a_gradient_are_left_alone() -> None:
    made = [*parameters([3.0]), nn.Parameter(torch.ones(2))]
    apply_gradients(torch.optim.Adam(made, lr=1.0, weight_decay=0.1), None)
    assert made[1].tolist() == [1, 1]


def test_one_process_is_all_processes() -> None:
    assert processes() == (0, 1)
    values = torch.tensor([1.0, 2.0])
    assert torch.equal(total(values), values)
    made = [*parameters([3.0]), nn.Parameter(torch.ones(1))]
    average_gradients(made)
    assert float(made[0].grad) == 3  # type: ignore[arg-type]
    assert made[1].grad is None


def test_the_schedule_warms_up_then_follows_a_cosine_by_hand() -> None:
    schedule = Schedule(warmup=4, final=0.1)
    found = [schedule.factor(step, 100) for step in (0, 1, 3)]
    cosine = [0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * step / 100)) for step in (0, 1, 3, 50, 100)]
    assert found == pytest.approx([0.2 * cosine[0], 0.4 * cosine[1], 0.8 * cosine[2]])
    assert schedule.factor(50, 100) == pytest.approx(0.55)
    assert schedule.factor(100, 100) == pytest.approx(0.1)
    assert schedule.factor(1000, 100) == pytest.approx(0.1)


def test_the_schedule_never_rises_after_the_warm_up() -> None:
    schedule = Schedule(warmup=10)
    factors = [schedule.factor(step, 200) for step in range(201)]
    assert all(a < b for a, b in pairwise(factors[:11]))
    assert all(a >= b for a, b in pairwise(factors[10:]))
    assert Schedule(warmup=0).factor(0, 100) == 1
