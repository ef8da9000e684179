"""The grid detector: low for other strong textures, high for faint grids."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from prismgan.errors import PictureError
from prismgan.evaluation.benchmarks.artefacts import grid_peak


def scene(seed: int = 0) -> Tensor:
    """Smooth colours, half of them with a strong texture."""
    generator = torch.Generator().manual_seed(seed)
    smooth = F.interpolate(torch.rand(1, 3, 5, 6, generator=generator) - 0.5, size=(160, 192), mode="bicubic")
    smooth[..., :96] += 0.3 * torch.randn(1, 3, 160, 96, generator=generator)
    return (smooth.clamp(-1, 1) * 127.5).round() / 127.5


@pytest.mark.parametrize("period", [2, 4])
@pytest.mark.parametrize("direction", ["rows", "columns", "both"])
def test_a_faint_grid_stands_out(period: int, direction: str) -> None:
    rows = (torch.arange(160) % period == 0).float()[:, None]
    columns = (torch.arange(192) % period == 0).float()[None]
    grid = {"rows": rows, "columns": columns, "both": rows * columns}[direction]
    clean = scene()
    assert float(grid_peak(clean)) < 2
    assert float(grid_peak(clean + 1 / 127.5 * grid)) > 6


def test_noise_flat_pictures_and_other_periods_have_no_grid() -> None:
    noise = torch.rand(2, 3, 192, 192, generator=torch.Generator().manual_seed(1)) * 2 - 1
    assert grid_peak(noise).shape == (2,)
    assert float(grid_peak(noise).max()) < 3
    assert float(grid_peak(torch.full((1, 3, 64, 64), 0.3))) == pytest.approx(0, abs=1e-3)
    stripes = torch.sin(torch.arange(192) * 2 * torch.pi / 5.3).expand(1, 3, 160, 192)
    assert float(grid_peak((scene() + 0.2 * stripes).clamp(-1, 1))) < 3


def test_a_picture_that_is_too_small() -> None:
    with pytest.raises(PictureError, match="64x64 pixels, found 80x40"):
        grid_peak(torch.zeros(1, 3, 40, 80))
