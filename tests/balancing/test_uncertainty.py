from __future__ import annotations

import math

import pytest
import torch

from helpers.games import WEIGHTS, game
from prismgan.balancing import Step, Uncertainty


def test_uncertainty_by_hand() -> None:
    """d/ds (e^-s w L + s) = 1 - e^-s w L, and the loss is scaled by e^-s w."""
    balancer = Uncertainty(WEIGHTS)
    with torch.no_grad():
        balancer.log_variance["clean"].fill_(math.log(5))
    losses, outputs = game()
    total = balancer(losses, Step(outputs))
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
        balancer(losses, Step({})).backward()
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
        balancer(losses, Step({})).backward()
        optimizer.step()
        after = {name: float(spread.detach()) for name, spread in balancer.log_variance.items()}
        assert {name for name in WEIGHTS if before[name] != after[name]} == set(losses)
    assert balancer.log_variance["mask"].grad is None
