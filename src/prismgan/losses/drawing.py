"""Drawings that fixed filters make of a photo: targets of `derived` tasks, guidance of `cartoon` ones.

Every function takes and returns images (B, 3, H, W) in [-1, 1], on any size from 16 pixels a side.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from prismgan.images import luma

__all__ = ["blur", "comic", "edges", "flat_regions", "inverse", "outlines", "pencil"]

Images = Float[Tensor, "B 3 H W"]


def blur(image: Float[Tensor, "B C H W"], sigma: float) -> Float[Tensor, "B C H W"]:
    """Gaussian blur with replicated borders; sigma in pixels."""
    radius = max(1, min(round(3 * sigma), min(image.shape[-2:]) - 1))
    offsets = torch.arange(-radius, radius + 1, device=image.device, dtype=image.dtype)
    kernel = torch.exp(-offsets.square() / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    channels = image.shape[1]
    padded = F.pad(image, (radius,) * 4, mode="replicate")
    rows = F.conv2d(padded, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(rows, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)


def _box(image: Tensor, radius: int) -> Tensor:
    padded = F.pad(image, (radius,) * 4, mode="replicate")
    return F.avg_pool2d(padded, 2 * radius + 1, stride=1)


def flat_regions(photo: Images, *, radius: int = 3, epsilon: float = 0.015, rounds: int = 3) -> Images:
    """Smooths inside regions and keeps their borders: a self-guided filter, repeated.

    He, Sun, Tang, "Guided image filtering" (2010), eq. 5 and 6 with the guide equal to the input, the
    surface representation of Wang & Yu, "White-box cartoonization" (2020). Epsilon is in [-1, 1] units squared.
    """
    image = photo.float()
    for _ in range(rounds):
        guide = luma(image)
        mean_guide, mean = _box(guide, radius), _box(image, radius)
        covariance = _box(guide * image, radius) - mean_guide * mean
        variance = _box(guide * guide, radius) - mean_guide.square()
        slope = covariance / (variance + epsilon)
        offset = mean - slope * mean_guide
        image = _box(slope, radius) * guide + _box(offset, radius)
    return image.clamp(-1, 1)


def outlines(photo: Images, *, sigma: float = 1.2, strength: float = 40.0) -> Float[Tensor, "B 1 H W"]:
    """Ink from 0 (line) to 1 (paper): a thresholded difference of Gaussians.

    Winnemöller, Kyprianidis, Olsen, "XDoG" (2012), eq. 2 and 5, on grey levels in [0, 1].
    """
    grey = (luma(photo.float()) + 1) / 2
    difference = blur(grey, sigma) - 0.99 * blur(grey, 1.6 * sigma)
    return torch.where(difference > 0, 1.0, 1 + torch.tanh(strength * 4 * difference)).clamp(0, 1)


def comic(photo: Images) -> Images:
    """Flat, clear colours in a few tones, and dark outlines."""
    surface = flat_regions(photo)
    grey = luma(surface)
    # Soft steps of brightness: a hard step would make pictures flicker where a gradient crosses it.
    levels = 4.0
    position = (grey + 1) / 2 * levels
    base = position.floor()
    step = torch.sigmoid((position - base - 0.5) * 12)
    toned = (base + step) / levels * 2 - 1
    vivid = toned + 1.7 * (surface - grey)
    ink = outlines(surface)
    return ((vivid + 1) * ink - 1).clamp(-1, 1)


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
    kernel = grey.new_tensor([[-3.0, 0.0, 3.0], [-10.0, 0.0, 10.0], [-3.0, 0.0, 3.0]]) / 32
    padded = F.pad(grey, (1, 1, 1, 1), mode="replicate")
    horizontal = F.conv2d(padded, kernel.view(1, 1, 3, 3))
    vertical = F.conv2d(padded, kernel.t().reshape(1, 1, 3, 3))
    magnitude = torch.sqrt(horizontal.square() + vertical.square() + 1e-8)
    return (4 * magnitude).clamp(0, 1).mul(2).sub(1).expand(-1, 3, -1, -1).contiguous()


def inverse(photo: Images) -> Images:
    """The photographic negative."""
    return -photo
