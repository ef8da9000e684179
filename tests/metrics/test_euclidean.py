from __future__ import annotations

import pytest
import torch

from prismgan.metrics.pairs import euclidean


def test_black_and_white_are_one_apart() -> None:
    assert euclidean(torch.full((1, 3, 4, 4), -1.0), torch.ones(1, 3, 4, 4)).item() == 1.0


def test_root_of_the_mean_square() -> None:
    expected = torch.zeros(1, 3, 2, 2)
    output = expected.clone()
    output[0, 0, 0, 0] = 0.6
    # One of twelve values is 0.3 off in [0, 1].
    assert euclidean(output, expected).item() == pytest.approx((0.09 / 12) ** 0.5)


def test_does_not_depend_on_the_size() -> None:
    small, large = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 40, 40)
    assert euclidean(small + 0.5, small).item() == pytest.approx(euclidean(large + 0.5, large).item())
