"""Looks of a clip, made steady: every frame keeps a part of the frame before it, moved along with the source.

A network that paints frames one by one paints their noise anew each time, and that flickers. How the source moves is
known, and what moves with it is the same thing seen again: there the look may stay as it was (Bonneel et al., "Blind
video temporal consistency", 2015, say it as an objective). A running mean along the motion does it for every look
alike, in one pass, and knows no frame but the last. Where the motion is not known, as behind what moves and after a
cut, the new frame counts alone: an old one would shine through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from prismgan.metrics.warping import unoccluded, warp
from prismgan.video.flow import flow

__all__ = ["MOST_KEPT", "STEADY", "Motion", "Steadier", "motion"]

PixelArray = NDArray[np.uint8]
Numbers = NDArray[np.float32]

STEADY = 0.8
"""Part that stays by default: looks then flicker about as much as their source (``docs/log.md``)."""
MOST_KEPT = 0.95
"""Largest part of the frame before that may stay; more would smear."""
WIDEST = 640
"""Motion is found on frames reduced to this width. At 480 it takes half the time, and the looks of a clip with quick
movements flicker a third more."""
LOWEST = 16
"""Fewer rows no motion is found in."""
LIKE = 25 / 255
"""A colour difference to the frame before, moved, at which the motion is trusted by a third (1 / e)."""
AROUND = 5
"""Side of the window that this difference, and what is visible, is a mean over, so that noise does not count."""


class Motion(NamedTuple):
    """How a frame of the source came out of the frame before it."""

    places: Numbers
    """(h, w, 2): how far to the right and down a pixel's content lay in the frame before, as shares of width and
    height."""
    trust: Numbers
    """(h, w), 0 to 1: how sure it is that the content is the same."""


def motion(before: PixelArray, now: PixelArray) -> Motion:
    """The motion from one frame (H, W, 3) to the next, on a raster that is at most :data:`WIDEST` pixels wide.

    Raises:
        PrismganError: OpenCV is not installed.
    """
    import cv2

    height, width = now.shape[:2]
    least = min(height, LOWEST)
    size = (width, height) if width <= WIDEST else (WIDEST, max(least, round(height * WIDEST / width)))
    frames = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (before, now))
    first, second = (torch.from_numpy(np.asarray(each)).permute(2, 0, 1) for each in frames)
    backward = flow(second, first)
    visible = unoccluded(flow(first, second), backward)
    moved, _ = warp(first[None] / 255, backward)
    difference = (moved - second / 255).abs().amax(dim=1)[0].numpy()
    likeness = np.exp(-((cv2.blur(difference, (AROUND, AROUND)) / LIKE) ** 2))
    places = backward[0].permute(1, 2, 0).numpy() / np.array(size, np.float32)
    # A sharp edge between what is known and what is not would be seen in the look.
    known = cv2.blur(visible[0].numpy().astype(np.float32), (AROUND, AROUND))
    return Motion(np.ascontiguousarray(places), np.asarray(likeness * known, np.float32))


class Steadier:
    """Makes the looks of consecutive frames steady.

    Args:
        kept: by look the part of the frame before that stays, 0 to :data:`MOST_KEPT`; looks of 0 are left as they are.
        last: what has come out for the frame before the first, to go on from there.
    """

    def __init__(self, kept: Mapping[str, float], last: Mapping[str, PixelArray] | None = None) -> None:
        self.kept = {name: part for name, part in kept.items() if part > 0}
        self.last: dict[str, PixelArray] = dict(last or {})
        """What came out of the frame before, of looks that are changed."""

    def __call__(self, looks: Mapping[str, PixelArray], moved: Motion | None) -> dict[str, PixelArray]:
        """The looks (sH, sW, 3) of the next frame, which moved like this; None for the first of a clip."""
        steady = dict(looks)
        for name, part in self.kept.items():
            if moved is not None and name in self.last:
                steady[name] = _blended(self.last[name], looks[name], moved, part)
            self.last[name] = steady[name]
        return steady


def _blended(before: PixelArray, now: PixelArray, moved: Motion, part: float) -> PixelArray:
    import cv2

    height, width = now.shape[:2]
    places = cv2.resize(moved.places, (width, height)) * np.array([width, height], np.float32)
    places += np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    warped = cv2.remap(before, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    old = cv2.resize(moved.trust, (width, height)) * np.float32(part)
    return np.asarray(cv2.blendLinear(warped, now, old, 1 - old))
