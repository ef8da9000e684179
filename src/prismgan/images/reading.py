"""Reads pictures with their own bit depth, transparency and metadata."""

import io
import sys
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageCms
from PIL.ImageFile import ImageFile
from torch import Tensor

from prismgan.errors import PictureError
from prismgan.images.files import SAVE_ANEW, refuse_unread
from prismgan.images.opening import DECODING_ERRORS, damaged, open_lazily
from prismgan.images.pixels import Picture, Samples, on_white

PHOTOMETRIC = 262  # TIFF's tag for the meaning of the values
READ_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
UNREAD_MODES = {"F": "has floating-point pixels", "I": "has 32-bit or signed pixels"}
ORIENTATION, EXIF_FOLDER, GPS_FOLDER, INTEROPERABILITY = 0x0112, 0x8769, 0x8825, 0xA005
# Tags of the first directory of EXIF that describe the picture; all others describe how a file stores it.
# Description, make, model, resolution (3), software, date, artist, copyright, rating (2), Windows' words (5).
ABOUT = (270, 271, 272, 282, 283, 296, 305, 306, 315, 33432, 18246, 18249, 40091, 40092, 40093, 40094, 40095)


def read(path: Path) -> UInt8[Tensor, "3 H W"]:
    """A picture for training: 8 bits, transparency composited on white; see :func:`open_picture`."""
    return torch.tensor(on_white(open_picture(path))).permute(2, 0, 1).contiguous()


def open_picture(source: Path | bytes, where: str = "picture") -> Picture:
    """Decode a picture with its metadata; ``source`` may be the file's content, which ``where`` names in errors.

    The EXIF orientation is applied. Grey, palettes and CMYK become RGB; CMYK uses its ICC profile if there is one. The
    values of a wide-gamut RGB profile are not converted, and the profile is kept. 16-bit grey with a grey profile is
    read without the profile. Raises :class:`PictureError` as :func:`open_lazily`, and if the picture is animated, has
    several pages, or unsupported pixels, for example with high dynamic range or floating-point ones."""
    path = source if isinstance(source, Path) else where
    unidentified = refuse_unread(source, where)
    with open_lazily(source, unidentified, name=where) as file:
        try:
            _refuse_several(path, file)
            if (low := _raw_mode_of_low_bytes(path, file)) is not None:
                colours, alpha = _both_bytes(source, file, low)
            elif file.mode.startswith("I;16"):
                colours, alpha = _sixteen_bit_grey(file)
            elif file.mode in READ_MODES:
                colours, alpha = _eight_bits(file)
            else:
                reason = UNREAD_MODES.get(file.mode, f"has pixels of the unsupported mode {file.mode}")
                raise PictureError(f"{path}: {reason}; {SAVE_ANEW}")
            exif = file.getexif()  # after the pixels, because Pillow rotates a TIFF when it decodes it, and notes it
        except DECODING_ERRORS as error:
            raise damaged(path, error) from None
        orientation = exif.get(ORIENTATION, 1)
        alpha = None if alpha is None else _upright(alpha, orientation)
        return Picture(_upright(colours, orientation), alpha, _rgb_profile(file), about_the_picture(exif))


def _refuse_several(path: Path | str, file: Image.Image) -> None:
    # Pages are not counted: a file of a few megabytes can have a million, one after the other.
    several = getattr(file, "is_animated", False)
    if not several or file.format in ("MPO", "PSD"):  # a camera JPEG's previews; layers of a composite
        return
    if file.format == "TIFF":
        raise PictureError(f"{path}: has several pages; save one page as a separate picture")
    raise PictureError(f"{path}: is animated; save one frame as a picture")


def _raw_mode_of_low_bytes(path: Path | str, file: Image.Image) -> str | None:
    """The raw mode with which Pillow decodes the less significant bytes of 16-bit colours; None if there are none.
    Pillow keeps the high byte of every 16-bit colour. A "raw mode" tells its decoders the byte order of the file, and
    with the opposite order they keep the low byte. Decoding twice therefore gives all 16 bits, with all compressions
    and without another library. (imageio uses Pillow; tifffile needs a large package for LZW.)"""
    if not isinstance(file, ImageFile) or not file.tile or not file.mode.startswith("RGB"):
        return None
    args = file.tile[0].args
    raw = str(args if isinstance(args, str) else args[0] if args else "")
    if file.format == "TIFF" and file.tag_v2.get(284) == 2 and max(file.tag_v2.get(258, (8,))) > 8:  # type: ignore[attr-defined]
        raise PictureError(f"{path}: stores its 16-bit colours in separate planes; save it with interleaved ones")
    if raw == "LA;16B":
        return "RGBA"  # all four bytes of grey and alpha as in the file
    if raw.startswith("RGBa") or raw[-4:-1] != ";16":  # already divided by alpha, or not 16 bits
        return None
    native, other = ("L", "B") if sys.byteorder == "little" else ("B", "L")
    order = native if raw[-1] == "N" else raw[-1]
    return raw[:-1] + (other if order == native else native)


def _both_bytes(source: Path | bytes, file: Image.Image, low_mode: str) -> tuple[Samples, Samples | None]:
    transparent = file.info.get("transparency")
    high = np.asarray(file)
    with open_lazily(source) as again:
        assert isinstance(again, ImageFile)
        again.tile = [
            tile._replace(args=low_mode if isinstance(tile.args, str) else (low_mode, *(tile.args or ())[1:]))
            for tile in again.tile
        ]
        low = np.asarray(again)
    if low_mode == "RGBA":  # grey and alpha: see above
        values = low[..., ::2].astype(np.uint16) << 8 | low[..., 1::2]
        return _three(values[..., 0]), values[..., 1]
    values = high.astype(np.uint16) << 8 | low
    if values.shape[-1] == 4:
        return values[..., :3], values[..., 3]
    if isinstance(transparent, tuple):  # one colour that is transparent
        return values, (values != np.array(transparent)).any(axis=2) * np.uint16(65535)
    return values, None


def _sixteen_bit_grey(file: Image.Image) -> tuple[Samples, Samples | None]:
    grey = np.asarray(file).astype(np.uint16)
    if file.format == "TIFF" and file.tag_v2.get(PHOTOMETRIC) == 0:  # type: ignore[attr-defined]
        grey = 65535 - grey  # 0 is white; Pillow handles this only for 8 bits
    transparent = file.info.get("transparency")
    alpha = (grey != transparent) * np.uint16(65535) if isinstance(transparent, int) else None
    return _three(grey), alpha


def _three(grey: Samples) -> Samples:
    return np.repeat(grey[..., None], 3, axis=2)


def _eight_bits(file: Image.Image) -> tuple[Samples, Samples | None]:
    alpha = None
    if file.mode in ("RGBA", "LA", "PA") or "transparency" in file.info:
        alpha = np.asarray(file.convert("RGBA").getchannel("A"))
    colours = file.getchannel("L") if file.mode == "LA" else file
    converted = _by_profile(colours, file.info.get("icc_profile"))
    # Via RGBA if there is transparency, because Pillow's direct conversion to RGB changes some transparent colours.
    plain = (file.convert("RGBA") if alpha is not None else file).convert("RGB") if converted is None else converted
    return np.asarray(plain), alpha


def _by_profile(colours: Image.Image, profile: bytes | None) -> Image.Image | None:
    """Grey or CMYK as sRGB, converted by their own profile; None if there is no usable one."""
    space = {"L": b"GRAY", "CMYK": b"CMYK"}.get(colours.mode)
    if space is None or profile is None or profile[16:20] != space:
        return None
    try:
        return ImageCms.profileToProfile(
            colours, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):  # a damaged profile is ignored; the pixels are intact
        return None


def _rgb_profile(file: Image.Image) -> bytes | None:
    """The file's profile, if both the profile and the file's pixels are RGB."""
    profile = file.info.get("icc_profile")
    fits = isinstance(profile, bytes) and profile[16:20] == b"RGB " and file.mode not in ("1", "L", "LA", "CMYK")
    return profile if fits and not file.mode.startswith("I") else None


def _upright(samples: Samples, orientation: int) -> Samples:
    """The samples with an EXIF orientation, 1 to 8, undone; other values are ignored."""
    if orientation in (5, 6, 7, 8):
        samples = samples.swapaxes(0, 1)
    down, right = -1 if orientation in (3, 4, 7, 8) else 1, -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(samples[::down, ::right])


def about_the_picture(exif: Image.Exif) -> bytes | None:
    """An EXIF block with the tags that outputs keep; previews and the file's structure are dropped."""
    kept = Image.Exif()
    kept.update({tag: exif[tag] for tag in ABOUT if tag in exif})
    try:
        for tag in (EXIF_FOLDER, GPS_FOLDER):
            folder = dict(exif.get_ifd(tag))
            if INTEROPERABILITY in folder:
                folder[INTEROPERABILITY] = exif.get_ifd(INTEROPERABILITY)
            if folder:
                kept[tag] = folder
        if not len(kept):
            return None
        kept[ORIENTATION] = 1
        return kept.tobytes()
    except (*DECODING_ERRORS, KeyError, AttributeError):
        return None  # damaged metadata is no reason to refuse an intact picture
