"""Arrays of 8- or 16-bit pixels to what networks see, and back. Parts of a picture at a time: a view is enough."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from prismgan.errors import PictureError

__all__ = ["Depth", "check_pixels", "empty", "from_pixels", "to_pixels"]

Depth = Literal[8, 16]
"""Bits of a channel."""


def empty(height: int, width: int, depth: Depth) -> NDArray[Any]:
    """Room for (H, W, 3) pixels of this depth."""
    return np.empty((height, width, 3), dtype=np.uint8 if depth == 8 else np.uint16)


def check_pixels(where: str, pixels: NDArray[Any]) -> None:
    """Refuse an array that :func:`from_pixels` would not understand; ``where`` names it.

    Raises:
        PictureError: its shape is not (H, W, 3), or it holds neither 8- or 16-bit pixels nor finite floats.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise PictureError(f"{where}: is an array of shape {pixels.shape}, expected (height, width, 3)")
    if np.issubdtype(pixels.dtype, np.floating):
        if not np.isfinite(pixels).all():
            raise PictureError(f"{where}: has pixels that are not finite; expected values in [-1, 1]")
    elif pixels.dtype.kind != "u" or pixels.dtype.itemsize > 2:
        raise PictureError(f"{where}: is an array of {pixels.dtype}, expected uint8, uint16, or floats in [-1, 1]")


def from_pixels(pixels: NDArray[Any]) -> Float[Tensor, "1 3 H W"]:
    """(H, W, 3), 0 to 255, 0 to 65535, or floats that are taken as they are, to [-1, 1]."""
    # astype copies: torch warns of arrays that may not be written to, as Pillow's are.
    image = torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32, order="C"))[None]
    return image.div_(np.iinfo(pixels.dtype).max / 2).sub_(1) if pixels.dtype.kind == "u" else image


def to_pixels(image: Float[Tensor, "3 H W"], pixels: NDArray[Any]) -> None:
    """[-1, 1] into (H, W, 3) 8- or 16-bit pixels, rounded to nearest, values outside clipped."""
    most = np.iinfo(pixels.dtype).max
    rounded = image.float().add(1).mul_(most / 2).round_().clamp_(0, most)
    # Small numbers first: what costs is to exchange the dimensions.
    pixels[:] = rounded.to(torch.uint8 if most <= 255 else torch.int32).permute(1, 2, 0).cpu().numpy()
