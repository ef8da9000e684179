"""The guided filter preserves structures of its guide and smooths the rest."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from prismgan.images.filters import guided_filter


def noise(channels: int = 3) -> Tensor:
    return torch.rand(2, channels, 12, 17, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_a_dot_by_hand() -> None:
    """Three pixels in a row with radius 1: every window's linear coefficients, and their means, by eq. 5, 6 and 8."""
    dot = torch.tensor([0.0, 3.0, 0.0]).view(1, 1, 1, 3)
    # Windows by rows of three equal pixels: (0 0 3), (0 3 0), (3 0 0), all of mean 1 and variance 2.
    slope, offset = 2 / (2 + 1), 1 - 2 / 3
    expected = [offset, slope * 3 + offset, offset]
    found = guided_filter(dot, radius=1, epsilon=1.0)
    torch.testing.assert_close(found.flatten(), torch.tensor(expected))


@pytest.mark.parametrize("value", [-1.0, 0.0, 0.7])
def test_a_constant_stays(value: float) -> None:
    flat = torch.full((1, 3, 9, 11), value)
    torch.testing.assert_close(guided_filter(flat), flat)


def test_a_strong_edge_stays_and_a_weak_one_is_smoothed() -> None:
    step = (torch.arange(20) >= 10).float().expand(1, 1, 20, 20)
    strong, weak = (
        guided_filter(step, epsilon=0.01)[0, 0, 10],
        guided_filter(0.02 * step, epsilon=0.01)[0, 0, 10] / 0.02,
    )
    assert float(strong[10] - strong[9]) > 0.9
    assert float(weak[10] - weak[9]) < 0.2


def test_without_smoothing_the_picture_stays() -> None:
    torch.testing.assert_close(guided_filter(noise(), epsilon=1e-8), noise(), atol=1e-4, rtol=0)


def test_the_result_is_a_line_of_the_guide() -> None:
    """If one channel guides three, each is a linear function of it in every window; a linear function of it is
    preserved."""
    guide = noise(1)
    image = torch.cat([2 * guide, 0.5 - guide, torch.full_like(guide, 0.3)], dim=1)
    torch.testing.assert_close(guided_filter(image, guide, epsilon=1e-8), image, atol=1e-4, rtol=0)


def test_every_channel_guides_itself() -> None:
    apart = torch.cat([guided_filter(channel) for channel in noise().split(1, dim=1)], dim=1)
    torch.testing.assert_close(guided_filter(noise()), apart)


def test_the_mean_far_from_borders_stays() -> None:
    impulse = torch.zeros(1, 1, 25, 25)
    impulse[..., 12, 12] = 1
    assert float(guided_filter(impulse).sum()) == pytest.approx(1, abs=1e-4)


def test_autocast_does_not_reach_it() -> None:
    image = noise()
    with torch.autocast("cpu", torch.bfloat16):
        found = guided_filter(image)
    assert found.dtype == torch.float32
    assert torch.equal(found, guided_filter(image))


def test_gradient() -> None:
    image = noise()[:1, :1, :6, :5].double().requires_grad_()
    # Computed in float32, so tolerances are coarse.
    assert torch.autograd.gradcheck(
        lambda x: guided_filter(x, radius=1).double(), image, eps=1e-2, atol=1e-2, rtol=1e-2
    )
