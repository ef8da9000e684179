"""Writes rendered pictures in five formats, with profile, EXIF and, if the format supports them, 16 bits."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from torch import Tensor

from prismgan.errors import PictureError, PrismganError, nearest
from prismgan.files import write_file
from prismgan.images.files import SUFFIXES
from prismgan.images.opening import DECODING_ERRORS
from prismgan.images.pixels import Picture, Samples, from_pil, on_white, to_pil
from prismgan.images.reading import EXIF_FOLDER, GPS_FOLDER, ORIENTATION

WIDTH, HEIGHT = 0xA002, 0xA003
FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "tiff": "TIFF", "avif": "AVIF"}
"""The output formats: suffixes with Pillow's names."""
LOSSY_FORMATS = ("jpg", "webp", "avif")  # formats with a quality
SPELLINGS = {"jpeg": "jpg", "tif": "tiff"}
MAXIMUM_SIDES = {"jpg": 65_500, "webp": 16_383, "avif": 65_535}  # maximum side in pixels, by format
JPEG_EXIF = 65_533  # bytes of EXIF that fit into a JPEG's segment
BAND = 1 << 20  # bytes compressed at a time, and bytes of a TIFF's strip


def check_format(suffix: str, quality: int) -> None:
    """Raise :class:`PrismganError` unless the format is one of :data:`FORMATS` and the quality from 1 to 100."""
    if suffix not in FORMATS:
        raise PrismganError(f"format {suffix!r}{nearest(suffix, FORMATS, 'expected one of')}")
    if not 1 <= quality <= 100:
        raise PrismganError(f"quality {quality}: expected a whole number from 1 to 100")


def check_side(where: str, suffix: str, side: int) -> None:
    """Raise :class:`PictureError` if the longer side exceeds the format's limit."""
    if side > (most := MAXIMUM_SIDES.get(suffix, side)):
        fault = f"would have {side:,} pixels a side, but {suffix} allows {most:,}"
        raise PictureError(f"{where}: {fault}; write PNG or TIFF")


def write_picture(path: Path, picture: Picture, quality: int = 95) -> None:
    """Write a picture, with its profile and EXIF, in the format that the suffix names, one of :data:`FORMATS`. If the
    format does not support them, 16 bits become 8, and transparency is composited on white. ``quality`` is 1 to 100,
    for JPEG, WebP and AVIF; from 90, JPEG keeps colours at full resolution. The folder is created if necessary. Raises
    :class:`PrismganError` if the picture does not fit the format, or the file cannot be written."""
    suffix = path.suffix.lower()[1:]
    write_file(path, encoded_picture(str(path), SPELLINGS.get(suffix, suffix), picture, quality))


def write(path: Path, image: Float[Tensor, "3 H W"] | UInt8[Tensor, "3 H W"] | Image.Image) -> None:
    """Write an image in 8 bits; a float one is in [-1, 1]. All errors are :class:`PictureError`."""
    if path.suffix.lower() not in SUFFIXES:
        raise PictureError(f"{path}: unknown picture format (use one of {', '.join(sorted(SUFFIXES))})")
    picture = image if isinstance(image, Image.Image) else to_pil(image)
    try:
        write_picture(path, Picture(from_pil(picture).permute(1, 2, 0).numpy()))
    except PrismganError as error:
        raise PictureError(str(error)) from None


def encoded_picture(where: str, suffix: str, picture: Picture, quality: int = 95) -> bytes:
    """The content of the file that :func:`write_picture` writes; ``where`` names it in errors."""
    if suffix != "bmp":
        check_format(suffix, quality)
    height, width = picture.pixels.shape[:2]
    check_side(where, suffix, max(height, width))
    exif = None if picture.exif is None else _sized(picture.exif, height, width)
    try:
        if suffix == "tiff":
            return _tiff(picture, exif)
        if suffix == "png" and picture.depth == 16:
            return _deep_png(picture, exif)
        return _by_pillow(suffix, picture, exif, quality)
    except (*DECODING_ERRORS, MemoryError) as error:
        raise PictureError(f"{where}: cannot be encoded ({error})") from None


def _sized(block: bytes, height: int, width: int) -> Image.Exif:
    """A block's EXIF, with its sides, if any, set to these."""
    exif = Image.Exif()
    exif.load(block)
    details = exif.get_ifd(EXIF_FOLDER)
    for tag, side in ((WIDTH, width), (HEIGHT, height)):
        if tag in details:
            details[tag] = side
    return exif


def _by_pillow(suffix: str, picture: Picture, exif: Image.Exif | None, quality: int) -> bytes:
    drawn = Image.fromarray(on_white(picture)) if suffix in ("jpg", "bmp") else picture.image
    settings: dict[str, object] = {"quality": quality} if suffix not in ("png", "bmp") else {}
    if suffix == "jpg":
        settings["subsampling"] = "4:4:4" if quality >= 90 else "4:2:0"
    if picture.profile is not None:
        settings["icc_profile"] = picture.profile
    if exif is not None and (suffix != "jpg" or len(exif.tobytes()) <= JPEG_EXIF):
        settings["exif"] = exif.tobytes()
    content = io.BytesIO()
    drawn.save(content, format=FORMATS.get(suffix, "BMP"), **settings)
    return content.getvalue()


def _bands(samples: Samples) -> Iterator[Samples]:
    """The rows, about :data:`BAND` bytes at a time."""
    rows = max(1, BAND // samples[0].nbytes)
    return (samples[start : start + rows] for start in range(0, len(samples), rows))


def _differences(band: Samples) -> Samples:
    """Every value minus its left neighbour, modulo the range, which makes smooth pictures compress better."""
    differences = band.copy()
    differences[:, 1:] -= band[:, :-1]
    return differences


def _deep_png(picture: Picture, exif: Image.Exif | None) -> bytes:
    """A PNG with 16 bits, which Pillow does not write; it needs few chunks (PNG, third edition, chapters 9 to 11)."""
    samples = picture.samples
    height, width, channels = samples.shape
    content = io.BytesIO()

    def chunk(kind: bytes, *parts: bytes) -> None:
        body = kind + b"".join(parts)
        content.write(struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)))

    content.write(b"\x89PNG\r\n\x1a\n")
    chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0))
    if picture.profile is not None:
        chunk(b"iCCP", b"ICC profile\0\0", zlib.compress(picture.profile))
    if exif is not None:
        chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    compressor = zlib.compressobj(6)
    for band in _bands(samples):
        # Filter 1, "Sub", of bytes: the neighbours are those of the pixel to the left.
        values = band.astype(">u2").view(np.uint8).reshape(len(band), width, 2 * channels)
        filtered = _differences(values).reshape(len(band), -1)
        chunk(b"IDAT", compressor.compress(np.insert(filtered, 0, 1, axis=1).tobytes()))
    chunk(b"IDAT", compressor.flush())
    chunk(b"IEND")
    return content.getvalue()


def _tiff(picture: Picture, exif: Image.Exif | None) -> bytes:
    """A losslessly compressed TIFF. Pillow writes neither 16-bit colours nor EXIF in a compressed one."""
    samples = picture.samples
    height, width, channels = samples.shape
    stored = samples.dtype.newbyteorder("<")
    strips = [zlib.compress(_differences(band).astype(stored, copy=False).tobytes(), 6) for band in _bands(samples)]
    starts = np.cumsum([0, *(len(strip) for strip in strips)]).tolist()
    if starts[-1] + (1 << 20) > 1 << 32:
        raise ValueError("more than the 4 GB of a TIFF")
    folder = ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    for tag, value in (exif or {}).items():
        folder[tag] = exif.get_ifd(tag) if exif is not None and tag in (EXIF_FOLDER, GPS_FOLDER) else value
    fields = {
        256: width,
        257: height,
        258: (picture.depth,) * channels,
        259: 8,  # deflate
        262: 2,  # RGB
        273: tuple(starts[:-1]),  # counted from the end of the tags, which Pillow adds
        ORIENTATION: 1,
        277: channels,
        278: len(next(_bands(samples))),
        279: tuple(len(strip) for strip in strips),
        284: 1,  # interleaved
        317: 2,  # differences
    }
    if picture.alpha is not None:
        fields[338] = 2  # unassociated alpha: the colours are not premultiplied
    for tag, value in fields.items():
        folder[tag] = value
    if picture.profile is not None:
        folder.tagtype[34675] = 7
        folder[34675] = picture.profile
    content = io.BytesIO()
    folder.save(content)
    content.writelines(strips)
    return content.getvalue()
