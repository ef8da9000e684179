"""A folded kernel equals its layers in sequence, away from the border. For a style's head that holds everywhere."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from prismgan.images import interior
from prismgan.networks import StyleBranchConfig
from prismgan.networks.blocks import blurred, enlarged
from prismgan.networks.folded_kernels import enlarged_kernel, pixels_bias, pixels_kernel, pointwise_kernel
from prismgan.networks.style_branch import RANGE, StyleHead


def normal(*shapes: tuple[int, ...]) -> list[Tensor]:
    random = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=random, dtype=torch.float64) for shape in shapes]


def test_a_convolution_of_enlarged_maps() -> None:
    maps, weight = normal((2, 3, 6, 5), (4, 3, 3, 3))
    expected = F.conv2d(enlarged(maps, 2), weight, padding=1)
    found = F.pixel_shuffle(F.conv2d(maps, enlarged_kernel(weight)), 2)
    torch.testing.assert_close(found, interior(expected, 2))


def test_blurred_sub_pixels_of_a_convolution() -> None:
    maps, weight, bias = normal((2, 5, 8, 12), (8, 5, 3, 3), (8,))
    expected = blurred(F.pixel_shuffle(F.conv2d(maps, weight, bias, padding=1), 2))
    found = F.conv2d(F.pixel_unshuffle(maps, 2), pixels_kernel(weight), pixels_bias(bias))
    torch.testing.assert_close(F.pixel_shuffle(found, 4), interior(expected, 4))


def test_a_pointwise_convolution_of_a_picture_and_maps_beside_it() -> None:
    picture, maps, weight = normal((2, 3, 16, 24), (2, 2, 8, 12), (4, 14, 1, 1))
    expected = F.conv2d(torch.cat([F.pixel_unshuffle(picture, 2), maps], dim=1), weight)
    cells = torch.cat([F.pixel_unshuffle(picture, 4), F.pixel_unshuffle(maps, 2)], dim=1)
    torch.testing.assert_close(F.pixel_shuffle(F.conv2d(cells, pointwise_kernel(weight, 3)), 2), expected)


def layer_by_layer(head: StyleHead, features: Tensor, picture: Tensor, noise: Tensor, code: Tensor) -> Tensor:
    """The reference for a head, with all maps at 1/2 and at full size, and with the frame."""
    maps = F.relu(head.enter_norm(head.enter(features), code))
    for block in head.blocks:
        maps = block(maps, code)
    halves = torch.cat([F.pixel_unshuffle(picture, 2), noise], dim=1)
    maps = F.relu(head.up_norm(head.up(enlarged(maps, 2))) + head.skip(halves))
    return RANGE * torch.tanh(blurred(F.pixel_shuffle(head.last(maps), 2)))


def test_a_head_and_its_gradients_are_those_of_its_layers() -> None:
    torch.manual_seed(0)
    head = StyleHead(StyleBranchConfig(fine=6, head=4, noise=2), code=3).double()
    features, picture, noise, code = normal((2, 6, 8, 10), (2, 3, 32, 40), (2, 2, 16, 20), (2, 3))
    details = torch.cat([F.pixel_unshuffle(picture, 4), F.pixel_unshuffle(noise, 2)], dim=1)
    for border in (8, 12):
        found = head(features, interior(details, border // 4 - 1), code)
        expected = interior(layer_by_layer(head, features, picture, noise, code), border)
        torch.testing.assert_close(found, expected)
        gradients, wanted = (
            torch.autograd.grad(output.square().sum(), list(head.parameters())) for output in (found, expected)
        )
        torch.testing.assert_close(gradients, wanted)
