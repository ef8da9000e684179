"""Random grey levels: a picture without its colours, so that it is judged by its texture."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.images import LUMA

__all__ = ["channel_weights", "colour_shift"]


def channel_weights(count: int, generator: torch.Generator, *, share: float = 0.8) -> Float[Tensor, "count 3"]:
    """Weights of red, green and blue for ``count`` pictures: mostly luma, the rest drawn from U(-1, 1).

    Wang & Yu, "White-box cartoonization" (CVPR 2020), section 3.3, with ``share`` for its alpha.
    """
    drawn = torch.rand(count, 3, generator=generator) * 2 - 1
    return share * torch.tensor(LUMA) + (1 - share) * drawn


def colour_shift(images: Float[Tensor, "B 3 H W"], weights: Float[Tensor, "B 3"]) -> Float[Tensor, "B 1 H W"]:
    """Every picture's channels summed by its weights.

    Real and generated pictures are to be shifted by the same weights, or else a discriminator sees the draw.

    Args:
        images: in [-1, 1].
        weights: from :func:`channel_weights`.

    Returns:
        Grey levels, mostly in [-1, 1]; bright and dark ones may lie beyond.
    """
    return torch.einsum("bchw,bc->bhw", images, weights.to(images))[:, None]
