"""Drawings that fixed filters make of a photo: targets of `derived` tasks, guidance of `cartoon` ones.

Every function takes and returns images (B, 3, H, W) in [-1, 1], on any size from 16 pixels a side.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from prismgan.images.filters import blur, gradient, guided_filter
from prismgan.images.pixels import luma
from prismgan.images.superpixels import superpixel_colours

__all__ = ["comic", "edges", "flat_regions", "inverse", "outlines", "pencil", "tangents"]

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


# -- outlines as a pen draws them: dark, clean, and along the borders of a picture --------------------


def outlines(
    photo: Float[Tensor, "B 3 H W"],
    regions: Float[Tensor, "B 3 H W"] | None = None,
    *,
    sigma: float = 1.0,
    least: float = 0.002,
    strength: float = 90.0,
) -> Float[Tensor, "B 1 H W"]:
    """Ink from 0 (line) to 1 (paper): a thresholded difference of Gaussians, smoothed along the lines.

    Winnemöller, Kyprianidis, Olsen, "XDoG" (2012), eq. 2 and 5, on grey levels in [0, 1]; smoothed along a straight
    piece of each line, where they follow its curve.

    Args:
        photo: in [-1, 1].
        regions: the same photo in flat regions. Where given, a line has to be one in both: the photo has
            texture that nobody would ink, and regions have borders in the middle of smooth shades.
        sigma: width of a line in pixels.
        least: how much darker than its surroundings a pixel is where ink begins.
        strength: how fast ink gets darker from there.
    """
    darker = _difference(photo, sigma)
    if regions is not None:
        darker = torch.maximum(darker, _difference(regions, sigma))
    along = _smooth_along(darker, tangents(photo if regions is None else regions))
    return 1 + torch.tanh(strength * (along + least).clamp_max(0))


def _difference(photo: Float[Tensor, "B 3 H W"], sigma: float) -> Float[Tensor, "B 1 H W"]:
    """Difference of Gaussians: below 0 where a pixel is darker than its surroundings."""
    grey = (luma(photo.float()) + 1) / 2
    return blur(grey, sigma) - 0.99 * blur(grey, 1.6 * sigma)


@torch.no_grad()
def tangents(photo: Float[Tensor, "B C H W"], *, sigma: float = 2.0) -> Float[Tensor, "B 2 H W"]:
    """The direction, as a unit vector (x, y) up to its sign, that each pixel's surroundings change least in.

    The eigenvector of the smoothed structure tensor for its smaller eigenvalue (Kyprianidis and Döllner, "Image
    abstraction by structure adaptive filtering", 2008); (0, 1) where nothing changes. No gradient goes
    through it: a direction has none where the picture is flat.
    """
    right, down = gradient(photo.float())
    tensor = torch.stack([(right * right).sum(1), (down * down).sum(1), (right * down).sum(1)], dim=1)
    xx, yy, xy = blur(tensor, sigma).unbind(1)
    steepest = torch.atan2(2 * xy, xx - yy) / 2
    return torch.stack([-steepest.sin(), steepest.cos()], dim=1)


def _smooth_along(
    maps: Float[Tensor, "B C H W"], direction: Float[Tensor, "B 2 H W"], *, sigma: float = 2.5, steps: int = 4
) -> Float[Tensor, "B C H W"]:
    """Gaussian mean over a straight piece of 2 ``steps`` + 1 pixels through every pixel."""
    height, width = maps.shape[-2:]
    rows, columns = torch.meshgrid(
        torch.arange(height, device=maps.device), torch.arange(width, device=maps.device), indexing="ij"
    )
    distances = torch.arange(-steps, steps + 1, device=maps.device)
    weights = torch.exp(-distances.square() / (2 * sigma**2))
    # In grid_sample's units: -1 and 1 are the picture's outer borders.
    size = maps.new_tensor([width, height])
    start = (2 * torch.stack([columns, rows], dim=-1) + 1) / size - 1
    stride = 2 * direction.permute(0, 2, 3, 1) / size
    places = start + distances.view(-1, 1, 1, 1, 1) * stride
    pieces = F.grid_sample(
        maps, places.transpose(0, 1).flatten(1, 2), padding_mode="border", align_corners=False
    ).unflatten(2, (len(distances), height))
    return torch.einsum("bcnhw,n->bchw", pieces, weights / weights.sum())
