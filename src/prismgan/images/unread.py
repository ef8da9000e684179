"""Pictures that Pillow does not read, or would read wrongly: told by their first bytes, for a clear word."""

from __future__ import annotations

from pathlib import Path

from prismgan.errors import PictureError
from prismgan.images.files import UNKNOWN

__all__ = ["SAVE_ANEW", "refuse_unread"]

SAVE_ANEW = "save it as a PNG or TIFF with 8 or 16 bits first"
# First bytes of formats that Pillow does not read, for a better word than "unknown". Where in the file, which bytes.
UNREAD = {
    (0, b"#?R"): "is a Radiance HDR picture",
    (0, b"v/1\x01"): "is an OpenEXR picture, with high dynamic range",
    (0, b"\xff\x0a"): "is a JPEG XL picture",
    # Pillow would have Ghostscript run it.
    (0, b"%!PS"): "is a PostScript drawing",
    (0, b"\xc5\xd0\xd3\xc6"): "is a PostScript drawing",
    (0, b"%PDF"): "is a PDF document",
    (4, b"JXL "): "is a JPEG XL picture",
    (4, b"ftyphei"): "is a HEIC picture",
    (4, b"ftyphev"): "is a HEIC picture",
    (4, b"ftypmif1"): "is a HEIC picture",
}
MARKUP = {
    b"<!doctype html": "is a web page; download the picture itself",
    b"<html": "is a web page; download the picture itself",
    b"<svg": f"is an SVG drawing; {SAVE_ANEW}",
}
"""What texts in angle brackets are, by what is in them, in lower case."""
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
"""Of ITU-T H.273: how bright values mean nothing like what the network has learnt."""
HEAD = 65_536
"""Bytes at the start of a file in which the ways to say HDR are looked for."""


def refuse_unread(path: Path) -> str:
    """Refuse formats and dynamic ranges that the first bytes of a file tell.

    Returns:
        What to say of the file if Pillow does not know it either.

    Raises:
        PictureError: it is of such a format, or cannot be read.
    """
    try:
        if not path.is_file():
            return UNKNOWN  # what it is, is said where it is opened
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise PictureError(f"{path}: cannot be read ({error.strerror or error}); try a copy of it") from None
    if not head:
        raise PictureError(f"{path}: is not a picture that can be read, but an empty file; copy it again")
    for (where, start), words in UNREAD.items():
        if head[where : where + len(start)] == start and b"avif" not in head[:64]:
            raise PictureError(f"{path}: {words}; {SAVE_ANEW}")
    if head.lstrip().startswith(b"<"):
        for start, words in MARKUP.items():
            if start in head.lower():
                raise PictureError(f"{path}: {words}")
    transfer = _transfer(head)
    if transfer in HDR_TRANSFERS:
        raise PictureError(f"{path}: has high dynamic range ({HDR_TRANSFERS[transfer]}); {SAVE_ANEW}")
    if head.startswith(TIFF_STARTS):
        return (
            "is a TIFF that is truncated, or has pixels that are not read, as floating-point ones or 16-bit grey with "
            f"transparency; {SAVE_ANEW}"
        )
    return UNKNOWN


def _transfer(head: bytes) -> int | None:
    """The code of the transfer function that an AVIF's colour box or a PNG's cICP chunk names."""
    if head[4:8] == b"ftyp" and (found := head.find(b"colrnclx")) >= 0 and len(head) >= found + 12:
        return int.from_bytes(head[found + 10 : found + 12], "big")
    if head.startswith(b"\x89PNG") and 0 <= (found := head.find(b"\0\0\0\4cICP")) < head.find(b"IDAT"):
        return head[found + 9]
    return None
