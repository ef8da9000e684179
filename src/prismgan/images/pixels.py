"""Pictures in memory: 8-bit RGB where they are cached, and floats in [-1, 1] where networks and metrics see them."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

__all__ = ["LUMA", "from_pil", "interior", "luma", "to_float", "to_pil", "to_uint8"]

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey, of ITU-R BT.601."""


def from_pil(picture: Image.Image) -> UInt8[Tensor, "3 H W"]:
    """A Pillow picture of any mode as RGB: transparency laid on white, 16 bits brought to 8."""
    if picture.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion would clip instead of scale
        grey = np.asarray(picture, dtype=np.float64)
        picture = Image.fromarray(np.round(grey.clip(0, 65535) / 257).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    array = np.array(picture.convert("RGB"))
    return torch.from_numpy(array).permute(2, 0, 1).contiguous()


def interior(maps: Float[Tensor, "B C H W"], border: int) -> Float[Tensor, "B C h w"]:
    """Without so many of the outermost rows and columns on each side."""
    return maps[..., border : maps.shape[-2] - border, border : maps.shape[-1] - border]


def to_float(pixels: UInt8[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """0..255 to [-1, 1]."""
    return pixels.to(torch.float32).div(127.5).sub(1.0)


def to_uint8(image: Float[Tensor, "*shape"]) -> UInt8[Tensor, "*shape"]:
    """[-1, 1] to 0..255, rounded to nearest, values outside clipped."""
    return image.detach().float().add(1.0).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def to_pil(image: Float[Tensor, "3 H W"] | UInt8[Tensor, "3 H W"]) -> Image.Image:
    """A Pillow picture of one float image in [-1, 1], or of one uint8 image."""
    pixels = image if image.dtype == torch.uint8 else to_uint8(image)
    return Image.fromarray(np.ascontiguousarray(pixels.permute(1, 2, 0).cpu().numpy()))


def luma(image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 H W"]:
    """Grey in [-1, 1] by the weights :data:`LUMA`."""
    weights = image.new_tensor(LUMA).view(1, 3, 1, 1)
    return (image * weights).sum(dim=1, keepdim=True)
