"""The building blocks: sizes, initial values, and no border artefacts."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from prismgan.networks.blocks import Modulation, ResidualBlock, convolution, icnr_, zero_


@pytest.mark.parametrize("size", [1, 3])
@torch.no_grad()
def test_a_convolution_keeps_the_size_and_paints_no_rim(size: int) -> None:
    layer = convolution(4, 6, size)
    maps = layer(torch.randn(1, 4, 1, 1).expand(1, 4, 7, 9))
    assert maps.shape == (1, 6, 7, 9)
    torch.testing.assert_close(maps, maps[..., :1, :1].expand_as(maps))


@torch.no_grad()
def test_icnr_starts_as_nearest_neighbour_enlargement_bias_included() -> None:
    layer = icnr_(torch.nn.Conv2d(4, 3 * 9, 3, padding=1), 3)
    maps = torch.randn(1, 4, 5, 6)
    enlarged = F.pixel_shuffle(layer(maps), 3)
    torch.testing.assert_close(enlarged, F.interpolate(enlarged[..., ::3, ::3], scale_factor=3.0))


@torch.no_grad()
def test_a_zero_layer_says_nothing() -> None:
    assert not zero_(convolution(4, 6))(torch.randn(1, 4, 5, 5)).any()


@torch.no_grad()
def test_a_residual_block_starts_near_the_identity() -> None:
    torch.manual_seed(0)
    maps = torch.randn(2, 16, 8, 8)
    for block in (ResidualBlock(16), ResidualBlock(16, code=8)):
        change = block(maps, torch.zeros(2, 8)) - maps
        assert 0 < change.std() < 0.3


@torch.no_grad()
def test_modulation_scales_and_shifts_channels_by_hand() -> None:
    layer = Modulation(1, 2)
    layer.linear.weight.copy_(torch.tensor([[0.5], [-1.0], [2.0], [0.0]]))
    layer.linear.bias.zero_()
    maps = torch.ones(1, 2, 1, 1) * 3
    # Code 1: scales 1.5 and 0, shifts 2 and 0.
    assert layer(maps, torch.ones(1, 1)).flatten().tolist() == [6.5, 0.0]
