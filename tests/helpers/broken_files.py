"""Broken, odd and harmful files, with the expected messages and advice."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

__all__ = ["BROKEN", "CLIPS", "FRAMES", "NOISE", "Clips", "saved", "whole_clips"]


def saved(picture: Image.Image, kind: str, **settings: Any) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **settings)
    return content.getvalue()


def png(width: int, height: int, *chunks: tuple[bytes, bytes], pixels: bytes = b"\0" * 16 * 49) -> bytes:
    """A PNG with 8-bit colours that claims this size; it contains black pixels for 16x16."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")):
        content += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return content


def icns(picture: bytes) -> bytes:
    """An icon of macOS that contains a PNG: Pillow checks the PNG's size only when it decodes."""
    entry = b"ic09" + struct.pack(">I", len(picture) + 8) + picture
    return b"icns" + struct.pack(">I", len(entry) + 8) + entry


def tiff(samples: NDArray[Any], **settings: Any) -> bytes:
    content = io.BytesIO()
    tifffile.imwrite(content, samples, metadata=None, **settings)
    return content.getvalue()


def overwritten(content: bytes, start: int, count: int) -> bytes:
    return content[:start] + bytes(range(256))[:count] + content[start + count :]


def in_lab() -> bytes:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return saved(ImageCms.profileToProfile(NOISE, srgb, lab, outputMode="LAB"), "TIFF")


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8))
FRAMES = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
AGAIN, ANEW = "copy it again", "save it as a PNG or TIFF"
BROKEN: dict[str, tuple[Callable[[], bytes], str, str]] = {
    # The content of the file, the commands' message, and their advice.
    "empty": (lambda: b"", "an empty file", AGAIN),
    "text": (lambda: b"no picture", "is not a picture", "save it as PNG or JPEG"),
    "web page": (lambda: b"\n<!DOCTYPE html><html><svg>404</svg>", "is a web page", "download the picture"),
    "SVG": (lambda: b'<?xml version="1.0"?><svg width="9"/>', "is an SVG drawing", ANEW),
    "PDF": (lambda: b"%PDF-1.7\n", "is a PDF document", ANEW),
    "PostScript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n", "is a PostScript drawing", ANEW),
    "clip": (lambda: b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + b"\0" * 40, "is not a picture", "save it as PNG or JPEG"),
    "truncated JPEG": (lambda: saved(NOISE, "JPEG")[:-500], "is damaged or truncated", AGAIN),
    "truncated PNG": (lambda: saved(NOISE, "PNG")[:-500], "is damaged or truncated", AGAIN),
    "truncated TIFF": (
        lambda: saved(NOISE, "TIFF", compression="tiff_lzw")[:-900],
        "is a TIFF that is truncated",
        ANEW,
    ),
    "header alone": (lambda: saved(NOISE, "PNG")[:33], "is not a picture", "save it as PNG or JPEG"),
    "broken LZW": (
        lambda: overwritten(saved(NOISE, "TIFF", compression="tiff_lzw"), 8, 200),
        "is damaged or truncated",
        AGAIN,
    ),
    "broken checksum": (lambda: overwritten(saved(NOISE, "PNG"), 48, 9), "is damaged or truncated", AGAIN),
    "no pixels": (lambda: png(0, 0), "is not a picture", "save it as PNG or JPEG"),
    "bomb": (lambda: png(60_000, 60_000), "has more than 400,000,000 pixels", "make it smaller"),
    "bomb in an icon": (lambda: icns(png(60_000, 60_000)), "could be decompression bomb", "save it again"),
    "smaller bomb in an icon": (lambda: icns(png(25_000, 25_000)), "could be decompression bomb", "save it again"),
    "bomb of text": (
        lambda: png(16, 16, (b"zTXt", b"a\0\0" + zlib.compress(bytes(2 << 20)))),
        "Decompressed data too large",
        "try a copy",
    ),
    "65,535 pixels wide, and no pixels": (lambda: png(65_535, 16), "is damaged or truncated", AGAIN),
    "65,535 pixels high, and narrow": (lambda: saved(Image.new("L", (3, 65_535)), "PNG"), "3x65535", "at least 16"),
    "NaN": (lambda: tiff(np.full((20, 20), np.nan, np.float32)), "floating-point", ANEW),
    "signed": (lambda: tiff(np.full((20, 20), -1, np.int32)), "32-bit or signed", ANEW),
    "Lab": (in_lab, "pixels of the unsupported mode LAB", ANEW),
    "HDR": (lambda: png(16, 16, (b"cICP", b"\x09\x10\0\1")), "has high dynamic range (PQ)", ANEW),
    "Radiance": (lambda: b"#?RADIANCE\n", "is a Radiance HDR picture", ANEW),
    "GIF": (lambda: saved(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]), "is animated", "save one frame"),
    "APNG": (lambda: saved(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:]), "is animated", "save one frame"),
    "WebP": (
        lambda: saved(FRAMES[0], "WEBP", save_all=True, append_images=FRAMES[1:]),
        "is animated",
        "save one frame",
    ),
    "pages": (
        lambda: saved(FRAMES[0], "TIFF", save_all=True, append_images=FRAMES[1:]),
        "has several pages",
        "save one page",
    ),
}


Clips = dict[str, bytes]
CONVERT = "copy it again, or convert it to MP4"


def whole_clips(folder: Path) -> Clips:
    """A clip of twenty frames, one that begins with its index, one of Matroska, and one of one frame. Needs PyAV."""
    import av

    from helpers.tiny_clips import make_clip

    plain, first = make_clip(folder / "plain.mp4"), folder / "first.mp4"
    with av.open(str(plain)) as source, av.open(str(first), "w", options={"movflags": "+faststart"}) as target:
        copies = [target.add_stream_from_template(stream) for stream in source.streams]
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                target.mux(packet)
    paths = {"mp4": plain, "index first": first, "mkv": make_clip(folder / "a.mkv")}
    paths["one frame"] = make_clip(folder / "one.mp4", sound=None, times=[0])
    return {name: path.read_bytes() for name, path in paths.items()}


CLIPS: dict[str, tuple[Callable[[Clips], bytes], str, str]] = {
    # The content of the file, the message, and the advice.
    "empty": (lambda clips: b"", "is not a clip that can be read", CONVERT),
    "text": (lambda clips: b"no clip", "is not a clip that can be read", CONVERT),
    "truncated": (lambda clips: clips["mp4"][:3000], "is truncated at the start", CONVERT),
    "playlist": (lambda clips: b"#EXTM3U\n#EXTINF:1,\nother.ts\n#EXT-X-ENDLIST\n", "is not a clip", CONVERT),
    "list of other files": (lambda clips: b"ffconcat version 1.0\nfile first.mp4\n", "is not a clip", CONVERT),
    "index alone": (
        lambda clips: clips["index first"][: clips["index first"].index(b"mdat") + 4],
        "no frame of its video stream can be decoded",
        "is the file complete?",
    ),
    "unknown codec": (lambda clips: clips["mp4"].replace(b"avc1", b"xyzw"), "has a codec that", "convert the clip"),
    "unknown codec in Matroska": (
        lambda clips: clips["mkv"].replace(b"V_MPEG4/ISO/AVC", b"V_MPEG9/ISO/AVC"),
        "has a codec that the installed PyAV does not decode",
        "convert the clip to H.264",
    ),
    "codec that it is not": (
        lambda clips: clips["mp4"].replace(b"avc1", b"vvc1"),
        "no frame of its video stream can be decoded",
        "is the file complete?",
    ),
}
