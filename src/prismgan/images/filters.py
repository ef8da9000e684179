"""Filters: Gaussian blur, gradient, the guided filter, which preserves the edges of its guide, and warping."""

from functools import reduce

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

Image = Float[Tensor, "B C H W"]
Guide = Float[Tensor, "B c H W"]  # of one channel, or as many as the image has
Flow = Float[Tensor, "B 2 H W"]  # offsets to the right and down, in pixels
Mask = Bool[Tensor, "B H W"]


def blur(image: Image, sigma: float) -> Image:
    """Gaussian blur with replicated borders; sigma in pixels."""
    radius = max(1, min(round(3 * sigma), min(image.shape[-2:]) - 1))
    offsets = torch.arange(-radius, radius + 1, device=image.device, dtype=image.dtype)
    kernel = torch.exp(-offsets.square() / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    channels = image.shape[1]
    padded = F.pad(image, (radius,) * 4, mode="replicate")
    rows = F.conv2d(padded, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(rows, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)


def gradient(image: Image) -> tuple[Image, Image]:
    """Change per pixel to the right and downwards, by Scharr's kernels; borders are replicated."""
    kernel = image.new_tensor([[-3.0, 0.0, 3.0], [-10.0, 0.0, 10.0], [-3.0, 0.0, 3.0]]) / 32
    channels = image.shape[1]
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    right = F.conv2d(padded, kernel.expand(channels, 1, 3, 3), groups=channels)
    down = F.conv2d(padded, kernel.t().expand(channels, 1, 3, 3), groups=channels)
    return right, down


def guided_filter(image: Image, guide: Guide | None = None, *, radius: int = 3, epsilon: float = 0.01) -> Image:
    """Fit the image in every window as a linear function of the guide, and average these functions at each pixel.

    He, Sun, Tang, "Guided image filtering" (ECCV 2010), eq. 5, 6 and 8. Time does not depend on the radius. The result
    is in float32, because in bfloat16 variances would be mostly rounding errors.

    Args:
        image: image of any range.
        guide: one channel, or one for each channel of the image; with None every channel guides itself, which is the
            surface representation of Wang & Yu, "White-box cartoonization" (CVPR 2020).
        radius: radius of the window in pixels; it is 2 radius + 1 wide. Borders are replicated.
        epsilon: variance of the guide, in its units squared, below which it counts as flat.
    """
    guide = image if guide is None else guide
    slope, offset = guided_lines(image, guide, radius, epsilon)
    return slope * guide.float() + offset


def guided_lines(image: Image, guide: Guide, radius: int, epsilon: float) -> tuple[Image, Image]:
    """Slope and offset, for every pixel, of the linear function that :func:`guided_filter` applies to the guide."""
    with torch.autocast(image.device.type, enabled=False):
        slope, offset = _window_lines(image.float(), guide.float(), radius, epsilon)
        return _box(slope, radius), _box(offset, radius)


def local_slope(image: Image, guide: Float[Tensor, "B 1 H W"]) -> Image:
    """How much the image follows the guide around each pixel: the guided filter's slope, averaged, in [-1, 1]."""
    return _box(_window_lines(image, guide, 3, 0.01)[0], 3).clamp(-1, 1)


def _window_lines(image: Tensor, guide: Tensor, radius: int, epsilon: float) -> tuple[Tensor, Tensor]:
    """Slope and offset of the linear function that fits the image to the guide in the window around each pixel."""
    mean_image, mean_guide = _box(image, radius), _box(guide, radius)
    covariance = _box(guide * image, radius) - mean_guide * mean_image
    slope = covariance / (_box(guide * guide, radius) - mean_guide.square() + epsilon)
    return slope, mean_image - slope * mean_guide


def _box(image: Image, radius: int) -> Image:
    """Mean over a square window, as sums of slices, which take half the time of pooling on a CPU."""
    side = 2 * radius + 1
    total = F.pad(image, (radius,) * 4, mode="replicate")
    for axis in (2, 3):
        total = reduce(torch.add, [total.narrow(axis, start, image.shape[axis]) for start in range(side)])
    return total / side**2


def warp(image: Image, flow: Flow) -> tuple[Image, Mask]:
    """The image after the motion, bilinearly interpolated, and a mask of the positions within the frame. ``flow`` is,
    for every pixel of the result, the offset of its content in ``image``."""
    height, width = image.shape[-2:]
    x = torch.arange(width, device=flow.device) + flow[:, 0]
    y = torch.arange(height, device=flow.device)[:, None] + flow[:, 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    # grid_sample counts from -1 to 1, from the middle of the first pixel to that of the last.
    grid = torch.stack([2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1], dim=-1)
    return F.grid_sample(image, grid.to(image), padding_mode="border", align_corners=True), inside


def unoccluded(forward: Flow, backward: Flow) -> Mask:
    """Mask of the pixels that were visible in the previous frame and are not on the edge of a moving object. Ruder,
    Dosovitskiy, Brox, "Artistic style transfer for videos" (2016), eq. 6 and 7: a pixel counts as new if following the
    flow back and forth does not return to it, and as an edge if the flow changes quickly. ``forward`` is the flow from
    the previous frame to this one, ``backward`` the reverse."""
    there, inside = warp(forward, backward)

    def power(vectors: Tensor) -> Tensor:
        return vectors.square().sum(dim=1)

    new = power(there + backward) > 0.01 * (power(there) + power(backward)) + 0.5
    down = F.pad(backward.diff(dim=-2), (0, 0, 0, 1))
    right = F.pad(backward.diff(dim=-1), (0, 1))
    edge = power(down) + power(right) > 0.01 * power(backward) + 0.002
    return inside & ~new & ~edge


def warping_error(output: Image, before: Image, backward: Flow, visible: Mask) -> Float[Tensor, " B"]:
    """Mean squared difference between an output frame and the warped previous one, over visible pixels and colours;
    between 0 and 1 for frames in [0, 1].

    Lai et al., "Learning blind video temporal consistency" (2018), eq. 10; they sum the three colours, so their number
    is three times this one. ``backward`` is the flow from the *source's* frame to its previous frame, see :func:`warp`,
    and ``visible`` the mask of the pixels that count, see :func:`unoccluded`. If it is empty, the error is NaN."""
    moved, inside = warp(before, backward)
    counts = (visible & inside).float()
    squares = (output - moved).square().mean(dim=1)
    return (squares * counts).sum(dim=(1, 2)) / counts.sum(dim=(1, 2))
