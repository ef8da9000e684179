"""One scalar a task in, gradients out: by hand."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from torch import Tensor

from prismgan.balancing import BALANCERS, Balancer, BalancerName, Fixed, Normalised, Uncertainty

WEIGHTS = {"clean": 1.0, "paint": 2.0, "mask": 0.5}
each_balancer = pytest.mark.parametrize("name", BALANCERS)


def alone(squares: Tensor) -> Tensor:
    """One process sees all rows."""
    return squares


def game() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Losses 0.5 k |output|^2, whose gradient at the output is k output."""
    outputs = {
        "clean": torch.tensor([3.0, 4.0], requires_grad=True),
        "paint": torch.tensor([[0.0, -1.0]], requires_grad=True),
    }
    return {"clean": 0.5 * outputs["clean"].square().sum(), "paint": 500 * outputs["paint"].square().sum()}, outputs


def test_every_balancer_can_be_named_in_a_recipe() -> None:
    assert set(BALANCERS) == set(get_args(BalancerName))


@each_balancer
def test_a_balancer_gives_one_finite_scalar(name: BalancerName) -> None:
    balancer: Balancer = BALANCERS[name](WEIGHTS)
    losses, outputs = game()
    total = balancer(losses, outputs, alone)
    assert total.shape == ()
    total.backward()
    assert all(output.grad is not None and output.grad.isfinite().all() for output in outputs.values())
    assert all(math.isfinite(weight) for weight in balancer.weights().values())


@each_balancer
def test_a_weight_of_zero_switches_a_task_off(name: BalancerName) -> None:
    losses, outputs = game()
    BALANCERS[name]({**WEIGHTS, "clean": 0.0})(losses, outputs, alone).backward()
    assert not outputs["clean"].grad.any()  # type: ignore[union-attr]
    assert outputs["paint"].grad.any()  # type: ignore[union-attr]


def test_fixed_is_the_weighted_sum() -> None:
    losses, outputs = game()
    total = Fixed(WEIGHTS)(losses, outputs, alone)
    assert float(total.detach()) == 1 * 12.5 + 2 * 500
    total.backward()
    assert outputs["clean"].grad.tolist() == [3, 4]  # type: ignore[union-attr]
    assert outputs["paint"].grad.tolist() == [[0, -2000]]  # type: ignore[union-attr]
    assert not list(Fixed(WEIGHTS).parameters())


def test_uncertainty_by_hand() -> None:
    """d/ds (e^-s w L + s) = 1 - e^-s w L, and the loss is scaled by e^-s w."""
    balancer = Uncertainty(WEIGHTS)
    with torch.no_grad():
        balancer.log_variance["clean"].fill_(math.log(5))
    losses, outputs = game()
    total = balancer(losses, outputs, alone)
    assert float(total.detach()) == pytest.approx(12.5 / 5 + math.log(5) + 2 * 500 + 0, rel=1e-6)
    total.backward()
    assert float(balancer.log_variance["clean"].grad) == pytest.approx(1 - 12.5 / 5)  # type: ignore[arg-type]
    assert float(balancer.log_variance["paint"].grad) == pytest.approx(1 - 1000)  # type: ignore[arg-type]
    assert outputs["clean"].grad.tolist() == pytest.approx([0.6, 0.8])  # type: ignore[union-attr]
    assert balancer.weights() == pytest.approx({"clean": 0.2, "paint": 1, "mask": 1})


def test_uncertainty_ends_where_every_weighted_loss_is_one() -> None:
    balancer = Uncertainty(WEIGHTS)
    optimizer = torch.optim.SGD(balancer.parameters(), lr=0.2)
    losses = {"clean": torch.tensor(0.25), "paint": torch.tensor(1.5)}
    for _ in range(200):
        optimizer.zero_grad()
        balancer(losses, {}, alone).backward()
        optimizer.step()
    # Learnt weight x recipe's weight x loss: 4 x 1 x 0.25 and 1/3 x 2 x 1.5.
    assert balancer.weights() == pytest.approx({"clean": 4, "paint": 1 / 3, "mask": 1}, rel=1e-3)


def test_absent_tasks_get_no_update() -> None:
    balancer = Uncertainty(WEIGHTS)
    optimizer = torch.optim.Adam(balancer.parameters(), lr=0.1)
    everything = {name: torch.tensor(3.0) for name in WEIGHTS}
    for losses in (everything, {"clean": torch.tensor(3.0)}):
        before = {name: float(spread.detach()) for name, spread in balancer.log_variance.items()}
        optimizer.zero_grad()
        balancer(losses, {}, alone).backward()
        optimizer.step()
        after = {name: float(spread.detach()) for name, spread in balancer.log_variance.items()}
        assert {name for name in WEIGHTS if before[name] != after[name]} == set(losses)
    assert balancer.log_variance["mask"].grad is None


def test_normalised_gives_every_output_a_gradient_of_its_weights_norm() -> None:
    losses, outputs = game()
    total = Normalised(WEIGHTS)(losses, outputs, alone)
    assert float(total.detach()) == pytest.approx(12.5 + 500), "its value is the plain sum, for the log"
    total.backward()
    assert outputs["clean"].grad.tolist() == pytest.approx([0.6, 0.8])  # type: ignore[union-attr]
    assert outputs["paint"].grad.flatten().tolist() == pytest.approx([0, -2])  # type: ignore[union-attr]


def test_normalised_does_not_mind_the_units_of_a_loss() -> None:
    gradients = []
    for unit in (1e-3, 1.0, 1e4):
        losses, outputs = game()
        losses["paint"] = unit * losses["paint"]
        Normalised(WEIGHTS)(losses, outputs, alone).backward()
        gradients.append(outputs["paint"].grad.flatten().tolist())  # type: ignore[union-attr]
    assert gradients[0] == pytest.approx(gradients[1])
    assert gradients[2] == pytest.approx(gradients[1])


def test_normalised_reaches_what_the_output_was_made_from() -> None:
    parameter = torch.tensor(2.0, requires_grad=True)
    outputs = {"clean": parameter * torch.tensor([3.0, 4.0])}
    Normalised(WEIGHTS)({"clean": 7 * outputs["clean"].square().sum()}, outputs, alone).backward()
    # The gradient at the output has norm 1 and points along (3, 4), and the output grows by (3, 4).
    assert float(parameter.grad) == pytest.approx(5)  # type: ignore[arg-type]


def test_normalised_takes_the_norm_over_all_processes() -> None:
    losses, outputs = game()
    Normalised(WEIGHTS)(losses, outputs, lambda squares: 4 * squares).backward()
    assert outputs["clean"].grad.tolist() == pytest.approx([0.3, 0.4])  # type: ignore[union-attr]


def test_normalised_leaves_a_task_alone_that_has_arrived() -> None:
    outputs = {"clean": torch.zeros(2, requires_grad=True)}
    Normalised(WEIGHTS)({"clean": outputs["clean"].square().sum()}, outputs, alone).backward()
    assert outputs["clean"].grad.tolist() == [0, 0]  # type: ignore[union-attr]
