"""Random grey levels."""

from __future__ import annotations

import torch

from prismgan.images import LUMA
from prismgan.losses.colour_shift import channel_weights, colour_shift


def test_weights_lie_around_luma() -> None:
    weights = channel_weights(4000, torch.Generator().manual_seed(0))
    assert weights.shape == (4000, 3)
    offsets = weights - 0.8 * torch.tensor(LUMA)
    assert float(offsets.abs().max()) <= 0.2
    assert float(offsets.abs().max()) > 0.19
    torch.testing.assert_close(offsets.mean(0), torch.zeros(3), atol=0.01, rtol=0)
    torch.testing.assert_close(channel_weights(2, torch.Generator(), share=1.0), torch.tensor([LUMA, LUMA]))


def test_weights_follow_from_the_generator() -> None:
    first, again = (channel_weights(3, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, again)


def test_shift_by_hand() -> None:
    images = torch.tensor([[1.0, 0.5, -1.0], [0.0, 1.0, 0.2]]).view(2, 3, 1, 1).expand(2, 3, 4, 5)
    weights = torch.tensor([[0.5, 0.2, 0.1], [1.0, -0.1, 0.5]])
    shifted = colour_shift(images, weights)
    assert shifted.shape == (2, 1, 4, 5)
    torch.testing.assert_close(shifted[:, 0, 0, 0], torch.tensor([0.5, 0.0]))


def test_gradient_goes_through() -> None:
    images = torch.zeros(1, 3, 2, 2, requires_grad=True)
    weights = torch.tensor([[0.3, -0.1, 0.2]])
    colour_shift(images, weights).sum().backward()
    assert images.grad is not None
    assert torch.equal(images.grad, weights.view(1, 3, 1, 1).expand_as(images))
