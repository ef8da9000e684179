"""Pictures reduced as MATLAB's ``imresize`` reduces them, to the bit: what super-resolution is tested on."""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from prismgan.images import resize

__all__ = ["cropped", "reduced", "shaved"]


def cropped(pixels: UInt8[Tensor, "3 H W"], scale: int) -> UInt8[Tensor, "3 h w"]:
    """Cut at the right and at the bottom, so that both sides are multiples of ``scale`` ("modcrop")."""
    height, width = (side - side % scale for side in pixels.shape[1:])
    return pixels[:, :height, :width]


def reduced(pixels: UInt8[Tensor, "3 H W"], scale: int) -> UInt8[Tensor, "3 H/s W/s"]:
    """``imresize(pixels, 1 / scale)`` with MATLAB's default, antialiased bicubic; sides are multiples of ``scale``.

    MATLAB shrinks rows first, then columns, and for 8-bit pixels rounds to 8 bits after either. With that the
    published small pictures of Set5 come out without a single different value; rounded once, one in eight differs.
    """
    height, width = (side // scale for side in pixels.shape[1:])
    lower = _rounded(resize(pixels.double(), height, pixels.shape[2]))
    return _rounded(resize(lower, height, width)).to(torch.uint8)


def shaved(image: Float[Tensor, "B 3 H W"], border: int) -> Float[Tensor, "B 3 h w"]:
    """Without a border of so many pixels, which papers leave out."""
    return image[..., border:-border, border:-border]


def _rounded(levels: Tensor) -> Tensor:
    """To whole levels 0..255, halves upwards."""
    return (levels + 0.5).floor().clamp(0, 255)
