"""Mean absolute error against hand-computed values."""

from __future__ import annotations

import torch

from prismgan.metrics import ABSOLUTE


def test_black_against_white_is_one() -> None:
    white = torch.ones(2, 3, 4, 4)
    torch.testing.assert_close(ABSOLUTE(white, -white), torch.ones(2))


def test_a_quarter_of_the_pixels_by_half_of_the_range() -> None:
    expected = -torch.ones(1, 3, 4, 4)
    output = expected.clone()
    output[..., :2, :2] = 0.0
    torch.testing.assert_close(ABSOLUTE(output, expected), torch.tensor([0.25 * 0.5]))
