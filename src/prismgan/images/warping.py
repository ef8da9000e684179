"""Warping of frames along their motion, and the difference that remains between two frames after it."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

__all__ = ["unoccluded", "warp", "warping_error"]


def warp(
    image: Float[Tensor, "B C H W"], flow: Float[Tensor, "B 2 H W"]
) -> tuple[Float[Tensor, "B C H W"], Bool[Tensor, "B H W"]]:
    """The image as it looks after the motion, and where that is known.

    Args:
        image: the frame that motion comes from, in any range.
        flow: for every pixel of the result, how far to the right and down its content lies in ``image``, in pixels.

    Returns:
        ``image`` at those places, bilinearly interpolated, and which of them lie within the frame.
    """
    height, width = image.shape[-2:]
    x = torch.arange(width, device=flow.device) + flow[:, 0]
    y = torch.arange(height, device=flow.device)[:, None] + flow[:, 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    # grid_sample counts from -1 to 1, from the middle of the first pixel to that of the last.
    grid = torch.stack([2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1], dim=-1)
    return F.grid_sample(image, grid.to(image), padding_mode="border", align_corners=True), inside


def unoccluded(forward: Float[Tensor, "B 2 H W"], backward: Float[Tensor, "B 2 H W"]) -> Bool[Tensor, "B H W"]:
    """Which pixels of a frame were visible in the frame before, and do not lie on the edge of something that moves.

    Ruder, Dosovitskiy, Brox, "Artistic style transfer for videos" (2016), eq. 6 and 7: a pixel counts as new where
    going back and forth again does not lead home, and as an edge where the flow changes quickly.

    Args:
        forward: flow of the frame before: where its pixels go to.
        backward: flow of this frame: where its pixels came from.
    """
    there, inside = warp(forward, backward)

    def power(vectors: Tensor) -> Tensor:
        return vectors.square().sum(dim=1)

    new = power(there + backward) > 0.01 * (power(there) + power(backward)) + 0.5
    down = F.pad(backward.diff(dim=-2), (0, 0, 0, 1))
    right = F.pad(backward.diff(dim=-1), (0, 1))
    edge = power(down) + power(right) > 0.01 * power(backward) + 0.002
    return inside & ~new & ~edge


def warping_error(
    output: Float[Tensor, "B 3 H W"],
    before: Float[Tensor, "B 3 H W"],
    backward: Float[Tensor, "B 2 H W"],
    visible: Bool[Tensor, "B H W"],
) -> Float[Tensor, " B"]:
    """Mean squared difference between an output frame and the warped previous one, over visible pixels and colours.

    Lai et al., "Learning blind video temporal consistency" (2018), eq. 10; they add the three colours up, so their
    number is three times this one.

    Args:
        output: an output frame, in [0, 1]; the result is then between 0 and 1.
        before: the previous output frame, in [0, 1].
        backward: flow of the *source's* frame to its frame before; see :func:`warp`.
        visible: the pixels that count, see :func:`unoccluded`. Without any the error is NaN.
    """
    moved, inside = warp(before, backward)
    counts = (visible & inside).float()
    squares = (output - moved).square().mean(dim=1)
    return (squares * counts).sum(dim=(1, 2)) / counts.sum(dim=(1, 2))
