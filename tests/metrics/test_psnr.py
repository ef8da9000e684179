from __future__ import annotations

import math

import pytest
import torch

from prismgan.metrics.pairs import psnr, psnr_y, studio_luma


def test_constant_offset() -> None:
    output, expected = torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.2)
    # 0.2 in [-1, 1] is 0.1 in [0, 1]: 10 log10(1 / 0.01) = 20 dB.
    assert psnr(output, expected).item() == pytest.approx(20.0, abs=1e-4)
    # Luma spans 219 levels of a peak of 255.
    assert psnr_y(output, expected).item() == pytest.approx(20.0 + 20 * math.log10(255 / 219), abs=1e-4)


def test_error_in_one_channel() -> None:
    expected = torch.zeros(1, 3, 8, 8)
    output = expected.clone()
    output[:, 2] = 0.2
    assert psnr(output, expected).item() == pytest.approx(20.0 + 10 * math.log10(3), abs=1e-4)
    assert psnr_y(output, expected).item() == pytest.approx(20 * math.log10(255 / 2.4966), abs=1e-3)


def test_studio_luma_of_the_primaries() -> None:
    colours = torch.tensor([[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]).float()
    levels = studio_luma(colours.view(5, 3, 1, 1) * 2 - 1).flatten() * 255
    torch.testing.assert_close(levels, torch.tensor([16.0, 235.0, 81.481, 144.553, 40.966]))


def test_nothing_scores_above_the_ceiling() -> None:
    expected = torch.zeros(1, 3, 8, 8)
    assert psnr(expected + 1e-6, expected).item() == 100.0
    assert psnr_y(expected + 1e-6, expected).item() == 100.0
