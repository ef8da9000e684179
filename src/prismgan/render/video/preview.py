"""A picture of how a job is getting on, a new one every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prismgan.render import sheet
from prismgan.render.video.clip import Clip

__all__ = ["Preview", "side_by_side"]

EVERY = 5.0
"""Seconds between two previews."""


class Preview:
    """Shows the source and the looks of a frame now and then, the first at once.

    Args:
        clip: the source.
        put: gets every preview.
    """

    def __init__(self, clip: Clip, put: Callable[[Image.Image], None]) -> None:
        self.clip, self.put = clip, put
        self._next = 0.0

    def show(self, pictures: Mapping[str, NDArray[np.uint8]]) -> None:
        """A frame is rendered: by name (H, W, 3), as it was coded."""
        if time.monotonic() >= self._next:
            self.put(side_by_side(pictures, self.clip, 320))
            self._next = time.monotonic() + EVERY


def side_by_side(pictures: Mapping[str, NDArray[np.uint8]], clip: Clip, tile_width: int) -> Image.Image:
    """The source and all looks of a frame, upright and labelled."""
    upright = {name: Image.fromarray(np.ascontiguousarray(clip.upright(pixels))) for name, pixels in pictures.items()}
    return sheet(upright, tile_width=tile_width)
