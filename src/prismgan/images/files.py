"""Finding picture files, and clear one-line errors for those that cannot be read."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from prismgan.errors import PictureError, explained
from prismgan.images.opening import DECODING_ERRORS, UNKNOWN, damaged, open_lazily

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".avif"})
SAVE_ANEW = "save it as a PNG or TIFF with 8 or 16 bits first"
# Formats that Pillow does not read, by the position and content of their first bytes.
UNREAD = {
    (0, b"#?R"): "is a Radiance HDR picture",
    (0, b"v/1\x01"): "is an OpenEXR picture, with high dynamic range",
    (0, b"\xff\x0a"): "is a JPEG XL picture",
    # Pillow would let Ghostscript run it.
    (0, b"%!PS"): "is a PostScript drawing",
    (0, b"\xc5\xd0\xd3\xc6"): "is a PostScript drawing",
    (0, b"%PDF"): "is a PDF document",
    (4, b"JXL "): "is a JPEG XL picture",
    **{(4, b"ftyp" + brand): "is a HEIC picture" for brand in (b"hei", b"hev", b"mif1")},
}
MARKUP = {  # kinds of markup files by a piece of their text, in lower case
    b"<!doctype html": "is a web page; download the picture itself",
    b"<html": "is a web page; download the picture itself",
    b"<svg": f"is an SVG drawing; {SAVE_ANEW}",
}
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}  # transfer functions of ITU-T H.273 that the networks were not trained on
HEAD = 65_536  # bytes at the start of a file that are searched for HDR markers
MINIMUM_SIDE = 16  # shortest side in pixels that the networks support


def find_pictures(folder: Path) -> list[Path]:
    """All pictures below ``folder``, sorted, without hidden files and folders. :class:`PictureError` if it is not a
    folder, holds no picture, or a folder below it cannot be listed."""
    if not folder.exists():
        raise PictureError(f"{folder}: no such folder")
    if not folder.is_dir():
        raise PictureError(f"{folder}: is a file, expected a folder of pictures")
    pictures = sorted(filter(is_picture, _visible_files(folder)))
    if not pictures:
        raise PictureError(f"{folder}: holds no picture (looked for {', '.join(sorted(SUFFIXES))}, and in sub-folders)")
    return pictures


def _visible_files(folder: Path) -> Iterator[Path]:
    """All visible files below ``folder``. Path.rglob would silently skip a folder that cannot be listed."""

    def refuse(error: OSError) -> NoReturn:
        raise PictureError(f"{error.filename}: cannot be listed ({error.strerror}); allow it, or move the folder away")

    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in files if not name.startswith("."))


def is_picture(path: Path) -> bool:
    """Whether this is a file, or a broken link, with a picture's suffix."""
    return path.suffix.lower() in SUFFIXES and (path.is_file() or (path.is_symlink() and not path.exists()))


def size(path: Path) -> tuple[int, int]:
    """Height and width in pixels after reading; from the header if the format allows it."""
    with open_lazily(path) as picture:
        try:
            if picture.format == "TIFF":
                picture.load()  # rotates it, so that size and orientation are consistent
            width, height = picture.size
            # A PNG may store its orientation after the pixels, so Pillow has to decode them.
            rotated = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        except DECODING_ERRORS as error:
            raise damaged(path, error) from None
    return (width, height) if rotated else (height, width)


def refuse_small(where: str, height: int, width: int) -> None:
    """Raise :class:`PictureError` if a side is shorter than :data:`MINIMUM_SIDE`; ``where`` names the picture."""
    if min(height, width) < MINIMUM_SIDE:
        raise PictureError(f"{where}: is {width}x{height} pixels; each side must have at least {MINIMUM_SIDE}")


def refuse_unread(source: Path | bytes, name: str = "picture") -> str:
    """Raise :class:`PictureError` for formats and dynamic ranges that Pillow does not read, or would read wrongly.
    Otherwise return the message in case that Pillow does not recognise the file."""
    path = source if isinstance(source, Path) else name
    with explained(f"{path}: cannot be read", "; try a copy of it", PictureError):
        if isinstance(source, bytes):
            head = source[:HEAD]
        elif not source.is_file():
            return UNKNOWN  # the opener reports it
        else:
            with source.open("rb") as file:
                head = file.read(HEAD)
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
        unread = "unsupported pixels, for example floating-point or 16-bit grey with transparency"
        return f"is a TIFF that is truncated, or has {unread}; {SAVE_ANEW}"
    return UNKNOWN


def _transfer(head: bytes) -> int | None:
    """The code of the transfer function in an AVIF's colour box or a PNG's cICP chunk."""
    if head[4:8] == b"ftyp" and (start := head.find(b"colrnclx")) >= 0 and len(head) >= start + 12:
        return int.from_bytes(head[start + 10 : start + 12], "big")
    if head.startswith(b"\x89PNG") and 0 <= (start := head.find(b"\0\0\0\4cICP")) < head.find(b"IDAT"):
        return head[start + 9]
    return None
