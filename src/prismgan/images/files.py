"""Picture files: finding, opening, and 8-bit RGB read and written."""

from __future__ import annotations

import io
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jaxtyping import Float, UInt8
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from prismgan.errors import PictureError, PrismganError
from prismgan.files import replace_file
from prismgan.images.pixels import from_pil, to_pil

__all__ = [
    "DECODING_ERRORS",
    "MINIMUM_SIDE",
    "SUFFIXES",
    "UNKNOWN",
    "damaged",
    "find_pictures",
    "is_picture",
    "missing",
    "open_lazily",
    "pixel_limit",
    "read",
    "refuse_small",
    "size",
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
