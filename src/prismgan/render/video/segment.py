"""Segments: a look's clip in parts of a few seconds, each a file of its own, so that a killed job loses one at most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prismgan.errors import PrismganError
from prismgan.files import new_file
from prismgan.packages import require
from prismgan.render.video.clip import Clip

__all__ = ["CODECS", "Encoding", "encode_segment", "even"]

PixelArray = NDArray[np.uint8]

CODECS = {"libx264": {"x264-params": "mbtree=0"}, "libx265": {"x265-params": "log-level=none"}}
"""Encoders, and their options beside the quality.

x264's macroblock tree depends, in its vector code, on what memory held before: the same frames came out in three
versions of 14 runs. A resumed job has to give what an uninterrupted one gives, so it is off."""
THREADS = 2
"""Of every encoder. What it writes depends on this number, and so must not depend on the machine."""
WORST_QUALITY = 51


@dataclass(frozen=True)
class Encoding:
    """How frames are encoded."""

    codec: str = "libx264"
    quality: int = 18
    """The encoder's constant rate factor, 0 to 51; lower is better and larger."""

    def __post_init__(self) -> None:
        """Refuse what no encoder takes.

        Raises:
            PrismganError: codec or quality is none, or this PyAV was built without the codec.
        """
        require("clips", "video", "av")
        import av

        if self.codec not in CODECS:
            raise PrismganError(f"codec {self.codec!r}: expected one of {', '.join(CODECS)}")
        if self.codec not in av.codecs_available:
            raise PrismganError(f"codec {self.codec!r}: the installed PyAV was built without it; choose another one")
        if not 0 <= self.quality <= WORST_QUALITY:
            raise PrismganError(
                f"quality {self.quality}: expected a constant rate factor from 0 (best) to {WORST_QUALITY}"
            )


def even(pixels: PixelArray) -> PixelArray:
    """With even sides, which ``yuv420p`` needs: an odd one gets its last row or column twice."""
    height, width = pixels.shape[:2]
    if height % 2 or width % 2:
        return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return pixels


def encode_segment(path: Path, frames: Iterable[PixelArray], clip: Clip, encoding: Encoding) -> None:
    """Encode frames (H, W, 3) into one file, which appears when it is whole.

    Frames are numbered and not timed: :func:`prismgan.render.video.join.join` gives them their source's times. So the
    encoder sees a constant rate, whatever the clip has.

    Raises:
        PrismganError: the disk is full, or the encoder does not take frames of this size.
    """
    import av

    frames = iter(frames)
    first = even(next(frames))
    rate = clip.rate.limit_denominator(1001)
    with new_file(path) as file:
        try:
            with av.open(file, "w", format="mp4") as container:
                stream = container.add_stream(
                    encoding.codec,
                    rate=rate,
                    options={"crf": str(encoding.quality), **CODECS[encoding.codec]},
                    width=first.shape[1],
                    height=first.shape[0],
                    pix_fmt="yuv420p",
                )
                encoder = stream.codec_context
                encoder.thread_count = THREADS
                encoder.time_base = 1 / rate
                if clip.shape is not None:
                    encoder.sample_aspect_ratio = clip.shape
                clip.colours.tag(encoder)
                number = 0
                pixels: PixelArray | None = first
                while pixels is not None:
                    container.mux(stream.encode(_numbered(clip, even(pixels), number, 1 / rate)))
                    number, pixels = number + 1, next(frames, None)
                container.mux(stream.encode())
        except av.FFmpegError as error:
            if isinstance(error, OSError):  # the disk's, not the encoder's
                raise
            raise PrismganError(
                f"{path}: {encoding.codec} cannot encode frames of {first.shape[1]}x{first.shape[0]} pixels "
                f"({getattr(error, 'strerror', None) or error})"
            ) from None


def _numbered(clip: Clip, pixels: PixelArray, number: int, time_base: Fraction) -> Any:
    frame = clip.colours.to_yuv(pixels)
    frame.pts, frame.time_base = number, time_base
    return frame
