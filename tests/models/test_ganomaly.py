"""The distances of GANomaly, compared with hand-computed values."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from prismgan.models.cganomaly import absolute_distance, squared_distance


def maps(*rows: list[float]) -> Tensor:
    """(B, 1, 2, 2)"""
    return torch.tensor(rows).view(len(rows), 1, 2, 2)


FIRST = maps([0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0])
SECOND = maps([1.0, -1.0, 3.0, 1.0], [1.0, 2.0, 3.0, 2.0])


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (absolute_distance, [6 / 4, 2 / 4]),
        (squared_distance, [(1 + 1 + 9 + 1) / 4, 4 / 4]),
    ],
)
def test_known_values(loss: object, expected: list[float]) -> None:
    assert callable(loss)
    found = loss(FIRST, SECOND)
    assert found.tolist() == expected
    assert loss(SECOND, FIRST).tolist() == expected
    assert loss(FIRST, FIRST).tolist() == [0, 0]


@pytest.mark.parametrize("loss", [absolute_distance, squared_distance])
def test_gradients_reach_both(loss: object) -> None:
    assert callable(loss)
    first, second = FIRST.double().requires_grad_(), SECOND.double().requires_grad_()
    loss(first, second).sum().backward()
    assert first.grad is not None
    assert second.grad is not None
    torch.testing.assert_close(first.grad, -second.grad)


def test_a_mean_does_not_grow_with_the_picture() -> None:
    small = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    large = small.repeat(1, 1, 3, 3)
    for loss in (absolute_distance, squared_distance):
        torch.testing.assert_close(loss(large, large + 0.5), loss(small, small + 0.5))
