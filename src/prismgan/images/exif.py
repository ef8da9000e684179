"""The EXIF data that outputs inherit from their photo."""

from __future__ import annotations

import struct

from PIL import Image

from prismgan.images.opening import DECODING_ERRORS

__all__ = ["EXIF_FOLDER", "GPS_FOLDER", "ORIENTATION", "about_the_picture", "sized"]

ORIENTATION, EXIF_FOLDER, GPS_FOLDER, INTEROPERABILITY = 0x0112, 0x8769, 0x8825, 0xA005
WIDTH, HEIGHT = 0xA002, 0xA003
# Tags of the first folder of EXIF that say something about the picture; all others say how a file stores it.
# Description, make, model, resolution (3), software, date, artist, copyright, rating (2), Windows' words (5).
ABOUT = (270, 271, 272, 282, 283, 296, 305, 306, 315, 33432, 18246, 18249, 40091, 40092, 40093, 40094, 40095)


def about_the_picture(exif: Image.Exif) -> bytes | None:
    """An EXIF block with the tags that outputs keep; previews and the file's structure are dropped."""
    kept = Image.Exif()
    for tag in ABOUT:
        if tag in exif:
            kept[tag] = exif[tag]
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
    except (*DECODING_ERRORS, struct.error, TypeError, KeyError, AttributeError):
        return None  # damaged metadata are no reason to refuse a picture that is whole


def sized(block: bytes, height: int, width: int) -> Image.Exif:
    """A block's EXIF, with these sides where it names sides."""
    exif = Image.Exif()
    exif.load(block)
    details = exif.get_ifd(EXIF_FOLDER)
    for tag, side in ((WIDTH, width), (HEIGHT, height)):
        if tag in details:
            details[tag] = side
    return exif
