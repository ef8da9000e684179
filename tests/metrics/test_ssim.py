from __future__ import annotations

import pytest
import torch

from prismgan.errors import PictureError
from prismgan.metrics.pairs import ssim


def test_flat_pictures_against_the_definition() -> None:
    # Without structure only the luminance term is left: (2 a b + C1) / (a^2 + b^2 + C1), C1 = 0.01^2.
    first, second = torch.full((1, 3, 16, 16), -0.5), torch.full((1, 3, 16, 16), 0.5)
    expected = (2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4)
    assert ssim(first, second).item() == pytest.approx(expected, rel=1e-3)  # float32 variances


def test_the_negative_is_opposed() -> None:
    noise = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert ssim(-noise, noise).item() < -0.5


def test_the_window_is_the_smallest_picture() -> None:
    assert ssim(torch.zeros(2, 3, 11, 11), torch.zeros(2, 3, 11, 11)).tolist() == [1.0, 1.0]
    with pytest.raises(PictureError, match=r"at least 11 x 11 pixels .* found 20 x 10"):
        ssim(torch.zeros(1, 3, 10, 20), torch.zeros(1, 3, 10, 20))
