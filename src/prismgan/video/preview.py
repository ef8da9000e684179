"""A picture of how a job is getting on, replaced every few seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prismgan import images
from prismgan.inference import sheet
from prismgan.video.clip import Clip

__all__ = ["Preview", "side_by_side"]

EVERY = 5.0
"""Seconds between two previews."""


class Preview:
    """Writes the source and the looks of a frame into ``preview.png`` now and then, the first at once."""

    def __init__(self, path: Path, clip: Clip) -> None:
        self.path, self.clip = path, clip
        self._next = 0.0

    def show(self, pictures: Mapping[str, NDArray[np.uint8]]) -> None:
        """A frame is rendered: by name (H, W, 3), as it was coded.

        Raises:
            PrismganError: the file cannot be written.
        """
        if time.monotonic() >= self._next:
            images.write(self.path, side_by_side(pictures, self.clip, 320))
            self._next = time.monotonic() + EVERY


def side_by_side(pictures: Mapping[str, NDArray[np.uint8]], clip: Clip, tile_width: int) -> Image.Image:
    """The source and all looks of a frame, upright and labelled."""
    upright = {name: Image.fromarray(np.ascontiguousarray(clip.upright(pixels))) for name, pixels in pictures.items()}
    return sheet(upright, tile_width=tile_width)
