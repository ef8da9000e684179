from __future__ import annotations

import pytest
import torch

from helpers.games import WEIGHTS, game
from prismgan.balancing import Normalised, Step


def test_normalised_gives_every_output_a_gradient_of_its_weights_norm() -> None:
    losses, outputs = game()
    total = Normalised(WEIGHTS)(losses, Step(outputs))
    assert float(total.detach()) == pytest.approx(12.5 + 500), "its value is the plain sum, for the log"
    total.backward()
    assert outputs["clean"].grad.tolist() == pytest.approx([0.6, 0.8])  # type: ignore[union-attr]
    assert outputs["paint"].grad.flatten().tolist() == pytest.approx([0, -2])  # type: ignore[union-attr]


def test_normalised_does_not_mind_the_units_of_a_loss() -> None:
    gradients = []
    for unit in (1e-3, 1.0, 1e4):
        losses, outputs = game()
        losses["paint"] = unit * losses["paint"]
        Normalised(WEIGHTS)(losses, Step(outputs)).backward()
        gradients.append(outputs["paint"].grad.flatten().tolist())  # type: ignore[union-attr]
    assert gradients[0] == pytest.approx(gradients[1])
    assert gradients[2] == pytest.approx(gradients[1])


def test_normalised_reaches_what_the_output_was_made_from() -> None:
    parameter = torch.tensor(2.0, requires_grad=True)
    outputs = {"clean": parameter * torch.tensor([3.0, 4.0])}
    Normalised(WEIGHTS)({"clean": 7 * outputs["clean"].square().sum()}, Step(outputs)).backward()
    # The gradient at the output has norm 1 and points along (3, 4), and the output grows by (3, 4).
    assert float(parameter.grad) == pytest.approx(5)  # type: ignore[arg-type]


def test_normalised_takes_the_norm_over_all_processes() -> None:
    losses, outputs = game()
    Normalised(WEIGHTS)(losses, Step(outputs, total=lambda squares: 16 * squares, processes=2)).backward()
    assert outputs["clean"].grad.tolist() == pytest.approx([0.3, 0.4])  # type: ignore[union-attr]


def test_normalised_leaves_a_task_alone_that_has_arrived() -> None:
    outputs = {"clean": torch.zeros(2, requires_grad=True)}
    Normalised(WEIGHTS)({"clean": outputs["clean"].square().sum()}, Step(outputs)).backward()
    assert outputs["clean"].grad.tolist() == [0, 0]  # type: ignore[union-attr]
