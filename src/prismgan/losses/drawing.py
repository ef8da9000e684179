"""Drawings that fixed filters make of a photo: targets of `derived` tasks, guidance of `cartoon` ones.

Every function takes and returns images (B, 3, H, W) in [-1, 1], on any size from 16 pixels a side.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.images import luma
from prismgan.losses.derivatives import blur, gradient
from prismgan.losses.guided_filter import guided_filter
from prismgan.losses.outlines import outlines
from prismgan.losses.superpixels import superpixel_colours

__all__ = ["comic", "edges", "flat_regions", "inverse", "pencil"]

Images = Float[Tensor, "B 3 H W"]


def flat_regions(photo: Images) -> Images:
    """The photo in few flat colours with natural borders: texture smoothed away, then superpixels."""
    smooth = guided_filter(photo, luma(photo), radius=2, epsilon=0.003)
    return superpixel_colours(smooth).clamp(-1, 1)


def comic(photo: Images) -> Images:
    """Flat, clear, slightly brightened colours, and dark outlines.

    The structure representation of Wang & Yu, "White-box cartoonization" (CVPR 2020), section 3.2, with ink. It has no
    steps of tone, for these would draw bands into skies and blotches onto skin, and flicker.
    """
    photo = photo.float()
    regions = flat_regions(photo)
    grey = luma(regions)
    brightened = ((grey + 1) / 2).clamp_min(1e-4) ** 0.85 * 2 - 1
    vivid = brightened + 1.35 * (regions - grey)
    return ((vivid + 1) * outlines(photo, regions) - 1).clamp(-1, 1)


def pencil(photo: Images) -> Images:
    """A pencil drawing on white paper: grey levels divided by their own blur ("colour dodge")."""
    grey = (luma(photo.float()) + 1) / 2
    dodge = grey / blur(grey, 3.0).clamp_min(0.02)
    shade = 0.85 + 0.15 * blur(grey, 1.5)
    drawing = (dodge.clamp(0, 1) ** 1.8 * shade).clamp(0, 1)
    return (drawing * 2 - 1).expand(-1, 3, -1, -1).contiguous()


def edges(photo: Images) -> Images:
    """Bright outlines on black: the magnitude of the Scharr gradient of the grey levels."""
    grey = blur(luma(photo.float()), 0.8)
    right, down = gradient(grey)
    magnitude = torch.sqrt(right.square() + down.square() + 1e-8)
    return (4 * magnitude).clamp(0, 1).mul(2).sub(1).expand(-1, 3, -1, -1).contiguous()


def inverse(photo: Images) -> Images:
    """The photographic negative."""
    return -photo
