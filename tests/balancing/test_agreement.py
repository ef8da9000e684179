"""Cosines between tasks' gradients, by hand on a linear toy, and of a model, which must remain unchanged."""

from __future__ import annotations

from math import nan, sqrt

import pytest
import torch
from torch import nn

from helpers.tiny_models import NAMES, batch, model
from prismgan.balancing import gradient_cosines


def test_of_a_linear_toy_by_hand() -> None:
    # y = w x + v x, once with each task's own factor: dL/dw is the factor times x, dL/dv reaches the first two alone.
    w, v = nn.Parameter(torch.tensor([1.0, 2.0])), nn.Parameter(torch.tensor([3.0]))
    losses = {
        "along": 3 * w[0] + v[0],  # (3, 0; 1)
        "against": -2 * w[0] + 2 * w[1] + 2 * v[0],  # (-2, 2; 2)
        "across": 5 * w[1],  # (0, 5)
    }
    gradients = {name: torch.autograd.grad(loss, [w, v], allow_unused=True) for name, loss in losses.items()}
    found = gradient_cosines(gradients)
    one = (-6 + 0 + 2) / sqrt(10 * 12)
    # The last one does not depend on v: it is compared with the others at w only.
    assert found.tolist() == [
        pytest.approx([1, one, 0]),
        pytest.approx([one, 1, 10 / (5 * sqrt(8))]),
        pytest.approx([0, 10 / (5 * sqrt(8)), 1]),
    ]


def test_lengths_do_not_matter_and_equal_tasks_agree() -> None:
    gradient = [torch.tensor([0.3, -0.1]), torch.tensor([2.0])]
    found = gradient_cosines({"a": gradient, "b": [1e-4 * g for g in gradient], "c": [-5 * g for g in gradient]})
    assert found.flatten().tolist() == pytest.approx([1, 1, -1, 1, 1, -1, -1, -1, 1])


def test_nothing_shared_and_no_gradient_have_no_angle() -> None:
    found = gradient_cosines({"a": [torch.ones(2), None], "b": [None, torch.ones(2)], "c": [torch.zeros(2), None]})
    assert found.flatten().tolist() == pytest.approx([1, nan, nan, nan, 1, nan, nan, nan, 1], nan_ok=True)


@pytest.mark.parametrize("objective", ["non_saturating", "hinge"])
def test_measuring_leaves_a_model_as_it_is(objective: str) -> None:
    measured, other = (model(objective=objective, seed=3) for _ in range(2))
    pictures = batch()
    found = measured.shared_gradients(pictures)
    assert list(found) == list(NAMES)
    one, two = measured.step(pictures), other.step(pictures)
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert torch.equal(value, two[name]), name
    for mine, theirs in zip(measured.generator.parameters(), other.generator.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert measured.discriminator is not None and other.discriminator is not None
    for name, value in measured.discriminator.state_dict().items():
        assert torch.equal(value, other.discriminator.state_dict()[name]), name


def test_of_a_model() -> None:
    prism = model()
    assert gradient_cosines(prism.shared_gradients(batch())).isnan().sum() == len(NAMES) * (len(NAMES) - 1), (
        "heads start by adding nothing, and nothing reaches the trunk"
    )
    prism.step(batch())
    gradients = prism.shared_gradients(batch())
    fine = [index for index, gradient in enumerate(gradients["paint"]) if gradient is None or not gradient.any()]
    assert fine, "a look does not reach the blocks of restoration"
    cosines = gradient_cosines(gradients)
    restoring = [index for index, name in enumerate(gradients) if name != "paint"]
    others = cosines[restoring][:, restoring]
    assert others.isfinite().all()
    assert torch.equal(others, others.T)
    assert others.abs().max() <= 1 + 1e-12
    painting = list(gradients).index("paint")
    assert cosines[painting][restoring].isnan().all(), "a style shares nothing with restoration"
