"""The guided filter: it smooths a picture and keeps the borders that its guide has."""

from __future__ import annotations

from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

__all__ = ["guided_filter"]


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


def _box(image: Float[Tensor, "B C H W"], radius: int) -> Float[Tensor, "B C H W"]:
    """Mean over a square window: sums of slices, which on a processor take half the time of pooling."""
    side = 2 * radius + 1
    total = F.pad(image, (radius,) * 4, mode="replicate")
    for axis in (2, 3):
        length = image.shape[axis]
        slices = [total.narrow(axis, start, length) for start in range(side)]
        total = reduce(torch.add, slices)
    return total / side**2
