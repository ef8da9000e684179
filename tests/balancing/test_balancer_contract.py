"""The contract of every balancer: one scalar per task in, gradients out."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch

from helpers.games import WEIGHTS, Shared, game
from prismgan.balancing import BALANCERS, Balancer, BalancerName, Step

each_balancer = pytest.mark.parametrize("name", BALANCERS)


def test_every_balancer_can_be_named_in_a_recipe() -> None:
    assert set(BALANCERS) == set(get_args(BalancerName))


@each_balancer
def test_a_balancer_gives_one_finite_scalar(name: BalancerName) -> None:
    balancer: Balancer = BALANCERS[name](WEIGHTS)
    losses, outputs = game()
    total = balancer(losses, Step(outputs))
    assert total.shape == ()
    total.backward()
    assert all(output.grad is not None and output.grad.isfinite().all() for output in outputs.values())
    assert all(math.isfinite(weight) for weight in balancer.weights().values())


@each_balancer
def test_a_weight_of_zero_switches_a_task_off(name: BalancerName) -> None:
    losses, outputs = game()
    BALANCERS[name]({**WEIGHTS, "clean": 0.0})(losses, Step(outputs)).backward()
    assert not outputs["clean"].grad.any()  # type: ignore[union-attr]
    assert outputs["paint"].grad.any()  # type: ignore[union-attr]


@each_balancer
def test_a_state_is_all_that_a_balancer_remembers(name: BalancerName) -> None:
    """Continuing from a saved state is bitwise the same as continuing."""
    straight, resumed = (BALANCERS[name](WEIGHTS) for _ in range(2))

    def play(balancer: Balancer, seed: int) -> list[float]:
        random = torch.Generator().manual_seed(seed)
        one, two, three = torch.randn(3, 4, generator=random).tolist()
        shared = Shared({"clean": one, "paint": two, "mask": three})
        outputs = {task: shared.parameters * torch.tensor(row) for task, row in shared.gradients.items()}
        losses = {task: shared.heads[task] * output.sum() for task, output in outputs.items()}
        balancer(losses, Step(outputs, shared.step().shared, shared.step().heads, random)).backward()
        assert shared.parameters.grad is not None
        return shared.parameters.grad.tolist()

    for seed in range(130):  # beyond a window
        play(straight, seed)
    resumed.load_state_dict(straight.state_dict())
    for seed in range(130, 260):
        assert play(straight, seed) == play(resumed, seed)
    assert straight.weights() == resumed.weights()
