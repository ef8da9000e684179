"""Pictures designed to take memory or time, with the expected messages."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

__all__ = ["HARMFUL", "PARTS"]

SIZE = 12_000_000
"""Bytes of the larger files: the server accepts up to 32 million."""


def jpeg_of_scans(bytes_of_scans: int) -> bytes:
    """A progressive JPEG whose last scan, which adds nothing, is repeated many times."""
    content = io.BytesIO()
    Image.fromarray(np.full((4_000, 4_000, 3), 120, np.uint8)).save(content, "JPEG", progressive=True, quality=30)
    whole = content.getvalue()
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * (bytes_of_scans // len(last)) + whole[-2:]


def jpeg_of_comments() -> bytes:
    """A JPEG with millions of empty segments before its pixels."""
    content = io.BytesIO()
    Image.new("RGB", (64, 64)).save(content, "JPEG")
    return content.getvalue()[:2] + b"\xff\xfe\0\2" * (SIZE // 4) + content.getvalue()[2:]


def tiff(entries: list[tuple[int, int, int, int]], following: int = 0) -> bytes:
    """One folder of tags, each a number, type, count and value, at the start of a TIFF."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return struct.pack("<IH", 8, len(entries)) + packed + struct.pack("<I", following)


GREY = [(256, 3, 1, 64), (257, 3, 1, 64), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1)]
"""Tags of 64x64 grey pixels of 8 bits, not compressed."""


def tiff_of_pages(pages: int = 272_000) -> bytes:
    """A TIFF of small pages with a few tags each."""
    entries = [*GREY, (273, 4, 1, 0), (278, 3, 1, 64), (279, 4, 1, 64 * 64)]
    length = len(tiff(entries)) - 4
    content = b"II*\0"
    parts = [content, tiff(entries, 8 + length)]
    for page in range(1, pages):
        following = 0 if page == pages - 1 else 8 + (page + 1) * length
        parts.append(tiff(entries, following)[4:])
    return b"".join(parts)


def tiff_of_one_piece_for_all_tags() -> bytes:
    """A TIFF whose thousand tags are all the same 12 MB."""
    entries = [*GREY, (273, 4, 1, 8), (278, 3, 1, 64), (279, 4, 1, 64 * 64)]
    entries += [(40_000 + number, 7, SIZE - 20_000, 19_000) for number in range(1_000)]
    head = b"II*\0" + tiff(entries)
    return head + bytes(SIZE - len(head))


def tiff_of_strips() -> bytes:
    """A TIFF of millions of strips."""
    many = SIZE // 4 - 100
    return b"II*\0" + tiff([*GREY, (273, 4, many, 300), (278, 3, 1, 1), (279, 4, 1, 64)]) + bytes(SIZE - 200)


def chunk(name: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, before: bytes, pixels: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + before + pixels + chunk(b"IEND")


def png_of_plain_pixels() -> bytes:
    """Five megabytes that claim 20,000 x 20,000 pixels; the size is refused before the missing pixels are noticed."""
    return png(20_000, 20_000, b"", chunk(b"IDAT", zlib.compress(bytes(64)) + bytes(5_000_000)))


def gif_of_comments() -> bytes:
    """A GIF with more and more comments before its pixels."""
    content = io.BytesIO()
    Image.new("P", (64, 64)).save(content, "GIF")
    whole = content.getvalue()
    start = whole.index(b",\0\0\0\0")
    return whole[:start] + b"!\xfe\x01x\0" * (SIZE // 5) + whole[start:]


def gif_of_nothing_behind_its_pixels() -> bytes:
    """A GIF with millions of empty blocks after its pixels, among which a second frame has to be looked for."""
    content = io.BytesIO()
    Image.new("P", (64, 64)).save(content, "GIF")
    return content.getvalue()[:-1] + b"!\xfe\x01x\0" * (SIZE // 5) + b";"


def bmp() -> bytes:
    """A bitmap that claims 19,000 x 19,000 pixels, run-length encoded, and contains hardly any."""
    header = struct.pack("<IiiHHIIiiII", 40, 19_000, 19_000, 1, 8, 1, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 2_000, 0, 0, 54 + 1024) + header + bytes(1024) + b"\0\1" * 50


PARTS = "more parts than a picture needs"
HARMFUL: dict[str, tuple[Callable[[], bytes], str]] = {
    # The content of the file and the message; no message if it is read after all, because that costs little.
    "JPEG of a thousand scans": (lambda: jpeg_of_scans(60_000), "scans or more"),
    "JPEG of millions of scans": (lambda: jpeg_of_scans(SIZE), "scans or more"),
    "JPEG of millions of segments": (jpeg_of_comments, PARTS),
    "TIFF of 272,000 pages": (tiff_of_pages, "has several pages"),
    "TIFF of a thousand tags of 12 MB": (tiff_of_one_piece_for_all_tags, ""),
    "TIFF of millions of strips": (tiff_of_strips, "more strips than a picture has rows"),
    "TIFF of 46,928 channels": (
        lambda: b"II*\0" + tiff([*GREY[:-1], (277, 3, 1, 46_928), (273, 4, 1, 0)]),
        "is a TIFF that is truncated",
    ),
    "PNG of 400 megapixels": (png_of_plain_pixels, "claims 400,000,000 pixels"),
    "PNG of millions of chunks": (lambda: png(64, 64, chunk(b"tEXt", b"a\0b") * (SIZE // 15), b""), PARTS),
    "PNG of millions of empty pieces": (lambda: png(64, 64, b"", chunk(b"IDAT") * (SIZE // 12)), PARTS),
    "PNG of much text": (
        lambda: png(64, 64, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(60_000_000))) * 9, b""),
        "too large",
    ),
    "GIF of comments": (gif_of_comments, PARTS),
    "GIF of nothing behind its pixels": (gif_of_nothing_behind_its_pixels, PARTS),
    "BMP of 361 megapixels": (bmp, "claims 361,000,000 pixels"),
}
