"""Superpixels: flat regions with the photo's own borders."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from prismgan.images.superpixels import superpixel_colours


def quarters(height: int = 40, width: int = 48) -> Tensor:
    """Four colours whose borders are not on the grid, (1, 3, height, width)."""
    picture = torch.empty(1, 3, height, width)
    top, left = 19, 21
    colours = [(-0.8, 0.2, 0.6), (0.7, 0.6, -0.5), (-0.1, -0.9, -0.7), (0.9, -0.6, 0.8)]
    for index, colour in enumerate(colours):
        rows = slice(0, top) if index < 2 else slice(top, None)
        columns = slice(0, left) if index % 2 == 0 else slice(left, None)
        picture[:, :, rows, columns] = torch.tensor(colour).view(1, 3, 1, 1)
    return picture


def noise(like: Tensor, deviation: float) -> Tensor:
    return deviation * torch.randn(like.shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("height", "width"), [(40, 48), (33, 47), (30, 30)])
def test_a_picture_of_few_colours_comes_back(height: int, width: int) -> None:
    picture = quarters(height, width)
    torch.testing.assert_close(superpixel_colours(picture), picture, atol=0.02, rtol=0)


def test_every_region_takes_its_mean_colour() -> None:
    picture = quarters()
    found = superpixel_colours(picture + noise(picture, 0.05))
    torch.testing.assert_close(found[..., 2:16, 2:18], picture[..., 2:16, 2:18], atol=0.04, rtol=0)
    assert float((found - picture).abs().mean()) < 0.3 * float(noise(picture, 0.05).abs().mean())


def test_few_colours_are_left() -> None:
    picture = quarters()
    noisy = picture + noise(picture, 0.05)

    def colours(images: Tensor) -> int:
        return len(torch.unique((images * 16).round().flatten(2), dim=2)[0, 0])

    assert colours(noisy) > 100
    assert colours(superpixel_colours(noisy)) < 30


def test_borders_stay_sharp_and_where_they_were() -> None:
    found = superpixel_colours(quarters() + noise(quarters(), 0.05))
    across = found[0, :, 10, 20:22]
    torch.testing.assert_close(across, quarters()[0, :, 10, 20:22], atol=0.1, rtol=0)


def test_a_smooth_shade_shows_no_cells() -> None:
    """Steps between neighbours stay below three times those of the gradient."""
    shade = torch.linspace(-0.4, 0.4, 96).expand(1, 3, 40, 96)
    steps = superpixel_colours(shade)[0, 0, 20].diff()[12:-12]
    assert float(steps.min()) > -1e-3
    assert float(steps.max()) < 3 * 0.8 / 95


def test_merging_brings_similar_colours_together_and_leaves_others_apart() -> None:
    picture = torch.full((1, 3, 32, 64), -0.1)
    picture[..., 32:] = 0.0
    picture[:, 1, 16:] = 0.9

    def contrast(merges: int) -> tuple[float, float]:
        found = superpixel_colours(picture, merges=merges)
        similar = found[0, 0, :12, 34:40].mean() - found[0, 0, :12, 24:30].mean()
        different = found[0, 1, 20:].mean() - found[0, 1, :12].mean()
        return float(similar), float(different)

    assert contrast(6)[0] < 0.7 * contrast(0)[0]
    assert contrast(6)[1] == pytest.approx(contrast(0)[1], abs=0.05)


def test_no_superpixel_of_a_harsh_pattern_is_lost() -> None:
    rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    board = ((rows // 4 + columns // 4) % 2 * 2.0 - 1).expand(1, 3, 32, 32)
    found = superpixel_colours(board)
    assert found.isfinite().all()
    torch.testing.assert_close(found, board, atol=0.05, rtol=0)


def test_range_type_and_gradient() -> None:
    picture = quarters(20, 20).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = superpixel_colours(picture)
    assert found.dtype == torch.float32
    assert float(found.detach().abs().max()) <= 1
    found.sum().backward()
    assert picture.grad is not None
    assert picture.grad.isfinite().all()
