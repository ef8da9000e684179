"""Pictures in memory: as in files, as arrays (H, W, 3), and as tensors, floats in [-1, 1] or ``uint8``."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from prismgan.errors import PictureError

LUMA = (0.299, 0.587, 0.114)  # weights of red, green and blue in grey, of ITU-R BT.601
Samples = NDArray[np.unsignedinteger[Any]]  # ``uint8`` or ``uint16``
Depth = Literal[8, 16]  # bits of a channel


@dataclass(frozen=True, eq=False)
class Picture:
    """Upright pixels with their metadata.

    ``pixels`` (H, W, 3) are RGB, ``uint8`` or ``uint16`` over their whole range; colours of transparent pixels are as
    in the file. ``alpha`` (H, W) has the same type, or is None if the picture has no transparency. ``profile`` is the
    ICC profile of the pixel values; None means sRGB. ``exif`` has orientation 1, because the pixels are upright."""

    pixels: Samples
    alpha: Samples | None = None
    profile: bytes | None = None
    exif: bytes | None = None

    @property
    def depth(self) -> Depth:
        return 8 if self.pixels.dtype.itemsize == 1 else 16

    @property
    def samples(self) -> Samples:
        """(H, W, 3), or (H, W, 4) with the transparency."""
        return self.pixels if self.alpha is None else np.dstack([self.pixels, self.alpha])

    @property
    def image(self) -> Image.Image:
        """The Pillow picture in 8 bits: RGB, or RGBA if there is transparency. Profile and EXIF are left out."""
        return Image.fromarray(to_8_bits(self.samples))

    def with_pixels(self, pixels: Samples) -> Self:
        """An output of this source: new pixels, with the resized transparency and all metadata of the source."""
        alpha = self.alpha
        if alpha is not None:
            alpha = resized_alpha(alpha if pixels.dtype == alpha.dtype else to_8_bits(alpha), *pixels.shape[:2])
        return replace(self, pixels=pixels, alpha=alpha)

    def save(self, path: str | Path, quality: int = 95) -> None:
        """Write a file, whose suffix selects the format; see :func:`prismgan.images.write_picture`."""
        from prismgan.images.writing import write_picture  # imported here, because it needs this class

        write_picture(Path(path), self, quality)


def to_8_bits(samples: Samples) -> Samples:
    """The samples in 8 bits, rounded to nearest."""
    return samples if samples.dtype == np.uint8 else ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def on_white(picture: Picture) -> Samples:
    """(H, W, 3) in 8 bits, with transparency composited on white."""
    pixels = to_8_bits(picture.pixels)
    if picture.alpha is None:
        return pixels
    share = to_8_bits(picture.alpha)[..., None] / np.float32(255)
    return (255 + (pixels - np.float32(255)) * share).round().astype(np.uint8)


def resized_alpha(alpha: Samples, height: int, width: int) -> Samples:
    """Transparency for an output of another size, resized bicubically."""
    if alpha.shape == (height, width):
        return alpha
    resized = Image.fromarray(alpha.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized).round().clip(0, np.iinfo(alpha.dtype).max).astype(alpha.dtype)


def from_pil(picture: Image.Image) -> UInt8[Tensor, "3 H W"]:
    """A Pillow picture of any mode as RGB: transparency composited on white, 16 bits reduced to 8."""
    if picture.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion would clip instead of scale
        grey = np.asarray(picture, dtype=np.float64)
        picture = Image.fromarray(np.round(grey.clip(0, 65535) / 257).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1).contiguous()


def interior(maps: Float[Tensor, "B C H W"], border: int) -> Float[Tensor, "B C h w"]:
    """The maps without the ``border`` outermost rows and columns on each side."""
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
    return (image * image.new_tensor(LUMA).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def check_pixels(where: str, pixels: NDArray[Any]) -> None:
    """Raise :class:`PictureError` for an array that is not (H, W, 3) of 8- or 16-bit pixels or finite floats."""
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise PictureError(f"{where}: is an array of shape {pixels.shape}, expected (height, width, 3)")
    if np.issubdtype(pixels.dtype, np.floating):
        if not np.isfinite(pixels).all():
            raise PictureError(f"{where}: has non-finite pixels; expected values in [-1, 1]")
    elif pixels.dtype.kind != "u" or pixels.dtype.itemsize > 2:
        raise PictureError(f"{where}: is an array of {pixels.dtype}, expected uint8, uint16, or floats in [-1, 1]")


def from_pixels(pixels: NDArray[Any]) -> Float[Tensor, "1 3 H W"]:
    """(H, W, 3) pixels from 0 to 255 or 65535, or floats, which are not scaled, as an image in [-1, 1]."""
    # astype copies, because torch warns about read-only arrays such as Pillow's.
    image = torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32, order="C"))[None]
    return image.div_(np.iinfo(pixels.dtype).max / 2).sub_(1) if pixels.dtype.kind == "u" else image


def to_pixels(image: Float[Tensor, "3 H W"], pixels: NDArray[Any]) -> None:
    """Write an image in [-1, 1] into 8- or 16-bit ``pixels`` (H, W, 3), rounded to nearest and clipped."""
    most = np.iinfo(pixels.dtype).max
    rounded = image.float().add(1).mul_(most / 2).round_().clamp_(0, most)
    # Converted to the small type first, because permuting the dimensions is the expensive part.
    pixels[:] = rounded.to(torch.uint8 if most <= 255 else torch.int32).permute(1, 2, 0).cpu().numpy()
