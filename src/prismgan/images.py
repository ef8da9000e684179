"""Pictures on disk and in memory, in 8-bit RGB and in [-1, 1], and their resizing.

On disk a picture is any file Pillow reads. In memory it is a ``uint8`` tensor (3, H, W) where it is
cached, and a float tensor in [-1, 1] where a network or a metric sees it.
"""

from __future__ import annotations

import io
import math
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.nn import functional as F

from prismgan.errors import PictureError, PrismganError
from prismgan.files import replace_file

__all__ = [
    "DECODING_ERRORS",
    "LUMA",
    "MINIMUM_SIDE",
    "SUFFIXES",
    "bicubic_phases",
    "bilinear_phases",
    "damaged",
    "find_pictures",
    "from_pil",
    "interior",
    "is_picture",
    "luma",
    "missing",
    "open_lazily",
    "pixel_limit",
    "read",
    "refuse_small",
    "resize",
    "size",
    "to_float",
    "to_pil",
    "to_uint8",
    "upsample",
    "write",
]

UNKNOWN = "is not a picture that can be read (unknown or damaged format); save it as PNG or JPEG first"
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".avif"})
# What Pillow's decoders raise for damaged files, by format; the last two for a picture within one that is too large.
DECODING_ERRORS = (
    *(OSError, ValueError, SyntaxError, EOFError, RuntimeError, IndexError, TypeError, struct.error),
    *(Image.DecompressionBombError, Image.DecompressionBombWarning),
)
_limit = threading.RLock()
MINIMUM_SIDE = 16
"""Shortest side in pixels that the networks can do anything sensible with."""
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey, of ITU-R BT.601."""


def find_pictures(folder: Path) -> list[Path]:
    """All pictures below ``folder``, as :func:`is_picture` says, sorted; hidden files and folders are left out.

    Raises:
        PictureError: the folder does not exist, is no folder, or holds no picture.
    """
    if not folder.exists():
        raise PictureError(f"{folder}: no such folder")
    if not folder.is_dir():
        raise PictureError(f"{folder}: is a file, expected a folder of pictures")
    found = sorted(
        path
        for path in folder.rglob("*")
        if is_picture(path) and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not found:
        raise PictureError(
            f"{folder}: holds no picture (looked for {', '.join(sorted(SUFFIXES))}, also in sub-folders)"
        )
    return found


def is_picture(path: Path) -> bool:
    """Whether this is a file with a picture's suffix. So is a link that leads nowhere: who reads it says so."""
    return path.suffix.lower() in SUFFIXES and (path.is_file() or (path.is_symlink() and not path.exists()))


def missing(path: Path) -> PictureError:
    """What to say of a path where no file is."""
    what = "is a link that leads nowhere; mend or remove it" if path.is_symlink() else "no such file"
    return PictureError(f"{path}: {what}")


def damaged(path: Path, error: BaseException) -> PictureError:
    """What to say of a picture that breaks off while it is decoded, or makes no sense."""
    return PictureError(f"{path}: is damaged or truncated ({error}); copy it again, or save it anew")


@contextmanager
def pixel_limit(pixels: int) -> Iterator[None]:
    """Another limit than :data:`PIL.Image.MAX_IMAGE_PIXELS`, for opening as well as for decoding.

    Pillow has one limit for the whole process, so one thread at a time has its own.
    """
    with _limit:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = pixels
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def open_lazily(path: Path, unidentified: str = UNKNOWN) -> Image.Image:
    """A picture whose pixels are not decoded yet; everything Pillow can say against the file becomes one clear line.

    Args:
        path: the file.
        unidentified: what is said of a file whose format Pillow does not know.

    Raises:
        PictureError: the file is missing, not a picture, or has too many pixels.
    """
    try:
        if not path.exists():
            raise missing(path)
        if path.is_dir():
            raise PictureError(f"{path}: is a folder, expected a picture")
        if not path.is_file():  # reading from it might never end
            raise PictureError(f"{path}: is a pipe or a device, expected a picture; save what it gives to a file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about odd metadata
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(path)
    except UnidentifiedImageError:
        raise PictureError(f"{path}: {unidentified}") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise PictureError(f"{path}: has more than {Image.MAX_IMAGE_PIXELS:,} pixels; make it smaller first") from None
    except DECODING_ERRORS as error:
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{path}: cannot be read ({reason}); try a copy of it") from None


def size(path: Path) -> tuple[int, int]:
    """Height and width in pixels, as :func:`read` would return them; from the header where the format allows it.

    Raises:
        PictureError: the file is missing, damaged, truncated or not a picture.
    """
    with open_lazily(path) as picture:
        try:
            if picture.format == "TIFF":
                picture.load()  # which turns it, so that size and orientation tell the same
            width, height = picture.size
            # A PNG may hold its orientation behind the pixels, so Pillow decodes them to look for it.
            rotated = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        except DECODING_ERRORS as error:
            raise damaged(path, error) from None
    return (width, height) if rotated else (height, width)


def refuse_small(where: str, height: int, width: int) -> None:
    """Refuse a picture that the networks can do nothing with; ``where`` names it.

    Raises:
        PictureError: a side has fewer than :data:`MINIMUM_SIDE` pixels.
    """
    if min(height, width) < MINIMUM_SIDE:
        raise PictureError(f"{where}: is {width}x{height} pixels; each side must have at least {MINIMUM_SIDE}")


def read(path: Path) -> UInt8[Tensor, "3 H W"]:
    """Decode a picture: EXIF orientation applied, transparency laid on white, 16 bits brought to 8.

    Raises:
        PictureError: the file is missing, damaged, truncated or not a picture.
    """
    with open_lazily(path) as picture:
        try:
            picture.load()
            upright = ImageOps.exif_transpose(picture)
        except DECODING_ERRORS as error:
            raise damaged(path, error) from None
    return from_pil(upright)


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


def write(path: Path, image: Float[Tensor, "3 H W"] | UInt8[Tensor, "3 H W"] | Image.Image) -> None:
    """Write a picture so that a reader sees the old file or the whole new one, never half of it.

    The format follows the suffix. JPEG and WebP are written at quality 95.

    Raises:
        PictureError: the suffix names no known format, or the file cannot be written.
    """
    picture = image if isinstance(image, Image.Image) else to_pil(image)
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind is None or path.suffix.lower() not in SUFFIXES:
        raise PictureError(f"{path}: unknown picture format (use one of {', '.join(sorted(SUFFIXES))})")
    content = io.BytesIO()
    quality = {"quality": 95} if kind in ("JPEG", "WEBP", "AVIF") else {}
    try:
        picture.save(content, format=kind, **quality)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content.getvalue())
    except OSError as error:
        raise PictureError(f"{path}: cannot be written ({error.strerror or error})") from None
    except PrismganError as error:
        raise PictureError(str(error)) from None


def resize(
    image: Float[Tensor, "*B 3 H W"],
    height: int,
    width: int,
    mode: Literal["bicubic", "bilinear"] = "bicubic",
) -> Float[Tensor, "*B 3 h w"]:
    """Antialiased resize as MATLAB's ``imresize`` does it, whose numbers papers print; in float64 where the image is.

    Bicubic is Keys' kernel with a = -0.5. Beyond its border the picture goes on mirrored, the outermost pixel twice.
    (torch's own bicubic without antialiasing has a = -0.75, which is softer than what papers compare with; with
    antialiasing it leaves out what lies beyond the border, which makes up to 16 levels of difference there.)
    """
    if image.shape[-2:] == (height, width):
        return image
    kernel, support = (keys, 4) if mode == "bicubic" else (_triangle, 2)
    found = image if image.dtype == torch.float64 else image.float()
    for dimension, length in ((-2, height), (-1, width)):
        found = _resample(found, dimension, length, kernel, support)
    return found.contiguous()


def at_most(pixels: UInt8[Tensor, "3 H W"], side: int, least: int = 1) -> Float[Tensor, "3 h w"]:
    """A picture in [-1, 1], reduced where its longest side has more than ``side`` pixels, and to no side of fewer than
    ``least``."""
    factor = min(1.0, side / max(pixels.shape[-2:]))
    height, width = (max(least, round(length * factor)) for length in pixels.shape[-2:])
    return resize(to_float(pixels), height, width).clamp(-1, 1)


def _resample(
    image: Tensor, dimension: int, length: int, kernel: Callable[[Tensor], Tensor], support: int
) -> Float[Tensor, "..."]:
    """One dimension brought to ``length`` pixels; ``support`` is the width of the kernel."""
    before = image.shape[dimension]
    scale = length / before
    narrowing = min(scale, 1.0)  # a picture is reduced by a kernel that is as much wider
    positions = (torch.arange(length, dtype=torch.float64) + 0.5) / scale - 0.5
    offsets = torch.arange(math.ceil(support / narrowing) + 2, dtype=torch.float64)
    taps = (positions - support / narrowing / 2).floor()[:, None] + offsets
    weights = kernel(narrowing * (positions[:, None] - taps))
    weights = weights / weights.sum(dim=1, keepdim=True)
    mirrored = taps.long() % (2 * before)
    mirrored = torch.where(mirrored < before, mirrored, 2 * before - 1 - mirrored)
    lines = image.movedim(dimension, 0)
    # A bag is a weighted sum of a few rows of a table: here of lines of pixels.
    sums = F.embedding_bag(
        mirrored.to(image.device),
        lines.reshape(before, -1),
        per_sample_weights=weights.to(image),
        mode="sum",
    )
    return sums.view(length, *lines.shape[1:]).movedim(0, dimension)


def upsample(image: Float[Tensor, "B 3 H W"], scale: int) -> Float[Tensor, "B 3 sH sW"]:
    """Bicubic enlargement by a whole factor (Keys, a = -0.5, borders repeated); the identity for 1.

    Written as one sub-pixel convolution, which is what :func:`bicubic_phases` lets a network add to its own.
    """
    if scale == 1:
        return image
    phases = (torch.arange(scale, dtype=torch.float64) + 0.5) / scale - 0.5
    taps = keys(torch.arange(-2, 3, dtype=torch.float64)[None] - phases[:, None])
    kernel = torch.einsum("ri,qj->rqij", taps, taps).reshape(scale**2, 1, 5, 5).to(image)
    channels = image.shape[1]
    padded = F.pad(image, (2, 2, 2, 2), mode="replicate")
    enlarged = F.conv2d(padded, kernel.repeat(channels, 1, 1, 1), groups=channels)
    return F.pixel_shuffle(enlarged, scale)


def keys(distance: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The cubic convolution kernel with a = -0.5 (Keys 1981, eq. 15)."""
    x = distance.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def _triangle(distance: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The kernel of linear interpolation."""
    return (1 - distance.abs()).clamp_min(0)


def bicubic_phases(scale: int) -> Float[Tensor, "P 12 3 3"]:
    """Weights of a 3x3 convolution that enlarges a picture unshuffled by 2, with P = 3 (2 scale)^2.

    ``pixel_shuffle(conv2d(pixel_unshuffle(image, 2), weights), 2 * scale)`` is :func:`upsample` away from
    the border: the same numbers, on large maps several times faster, and ready to be added to a network's residual.
    """
    side = 2 * scale
    positions = (torch.arange(side, dtype=torch.float64) + 0.5) / scale - 0.5
    taps = keys(torch.arange(-2, 4, dtype=torch.float64)[None] - positions[:, None]).view(side, 3, 2)
    # Rows r and columns q of the output cell; blocks i, j of two pixels; pixels y, x within a block.
    kernel = torch.einsum("riy,qjx->rqyxij", taps, taps).reshape(side**2, 4, 3, 3)
    weights = torch.zeros(3, side**2, 3, 4, 3, 3, dtype=torch.float64)
    for channel in range(3):
        weights[channel, :, channel] = kernel
    return weights.reshape(3 * side**2, 12, 3, 3).float()


def bilinear_phases(factor: int) -> Float[Tensor, "P 3 3 3"]:
    """Weights of a 3x3 convolution that enlarges three channels bilinearly, with P = 3 factor^2.

    Away from the border ``pixel_shuffle(conv2d(image, weights), factor)`` is torch's ``interpolate`` with
    ``align_corners=False``.
    """
    positions = (torch.arange(factor, dtype=torch.float64) + 0.5) / factor - 0.5
    taps = _triangle(torch.arange(-1, 2, dtype=torch.float64)[None] - positions[:, None])
    kernel = torch.einsum("ri,qj->rqij", taps, taps).reshape(factor**2, 3, 3)
    return torch.einsum("cd,pij->cpdij", torch.eye(3, dtype=torch.float64), kernel).flatten(0, 1).float()


def luma(image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 H W"]:
    """Grey in [-1, 1] by the weights :data:`LUMA`."""
    weights = image.new_tensor(LUMA).view(1, 3, 1, 1)
    return (image * weights).sum(dim=1, keepdim=True)
