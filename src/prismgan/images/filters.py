"""Filters: Gaussian blur, the gradient of a picture, and the guided filter, which keeps the borders of its guide."""

from __future__ import annotations

from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

__all__ = ["blur", "gradient", "guided_filter", "local_slope"]


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


def gradient(image: Float[Tensor, "B C H W"]) -> tuple[Float[Tensor, "B C H W"], Float[Tensor, "B C H W"]]:
    """Change a pixel to the right and downwards, by Scharr's kernels; borders are replicated."""
    kernel = image.new_tensor([[-3.0, 0.0, 3.0], [-10.0, 0.0, 10.0], [-3.0, 0.0, 3.0]]) / 32
    channels = image.shape[1]
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    right = F.conv2d(padded, kernel.expand(channels, 1, 3, 3), groups=channels)
    down = F.conv2d(padded, kernel.t().expand(channels, 1, 3, 3), groups=channels)
    return right, down


def guided_filter(
    image: Float[Tensor, "B C H W"],
    guide: Float[Tensor, "B c H W"] | None = None,
    *,
    radius: int = 3,
    epsilon: float = 0.01,
) -> Float[Tensor, "B C H W"]:
    """In every window the image is a line of the guide, and a pixel the mean of its windows' lines.

    He, Sun, Tang, "Guided image filtering" (ECCV 2010), eq. 5, 6 and 8. Time does not depend on the radius.

    Args:
        image: any range.
        guide: of one channel, or of one for each channel of the image; None lets every channel guide itself,
            which is the surface representation of Wang & Yu, "White-box cartoonization" (CVPR 2020).
        radius: of the window, in pixels; it is 2 radius + 1 wide. Borders are repeated.
        epsilon: variance of the guide, in its units squared, below which it counts as flat.

    Returns:
        The smoothed picture in float32: variances are differences of nearly equal numbers, which in bfloat16
        are mostly rounding.
    """
    with torch.autocast(image.device.type, enabled=False):
        image = image.float()
        guide = image if guide is None else guide.float()
        mean, mean_guide = _box(image, radius), _box(guide, radius)
        covariance = _box(guide * image, radius) - mean_guide * mean
        variance = _box(guide * guide, radius) - mean_guide.square()
        slope = covariance / (variance + epsilon)
        offset = mean - slope * mean_guide
        return _box(slope, radius) * guide + _box(offset, radius)


def local_slope(
    image: Float[Tensor, "B C H W"], guide: Float[Tensor, "B 1 H W"], *, radius: int = 3, epsilon: float = 0.01
) -> Float[Tensor, "B C H W"]:
    """How much the image changes with the guide around each pixel: the guided filter's slope, averaged, in [-1, 1]."""
    mean, mean_guide = _box(image, radius), _box(guide, radius)
    covariance = _box(guide * image, radius) - mean_guide * mean
    variance = _box(guide * guide, radius) - mean_guide.square()
    return _box(covariance / (variance + epsilon), radius).clamp(-1, 1)


def _box(image: Float[Tensor, "B C H W"], radius: int) -> Float[Tensor, "B C H W"]:
    """Mean over a square window: sums of slices, which on a processor take half the time of pooling."""
    side = 2 * radius + 1
    total = F.pad(image, (radius,) * 4, mode="replicate")
    for axis in (2, 3):
        length = image.shape[axis]
        slices = [total.narrow(axis, start, length) for start in range(side)]
        total = reduce(torch.add, slices)
    return total / side**2
