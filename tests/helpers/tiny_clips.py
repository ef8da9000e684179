"""Synthetic clips of a second: a bar that moves over a picture, and a tone."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from helpers.tiny_weights import tiny_weights

FRAMES = 20
UNEVEN = [0, 40, 80, 200, 210, 333, 400, 401, 600, 640, 680, 700, 800, 810, 820, 830, 1000, 1040, 1100, 1500]
"""Times of a variable frame rate, in milliseconds."""


def saved_weights(path: Path, *, fresh: bool = False) -> Path:
    """A file with ``restore``, ``paint`` and ``fine-2x``; random, except for the heads of a fresh one, which do
    nothing."""
    tiny_weights("restore", "paint", "fine-2x", fresh=fresh).save(path)
    return path


def picture(number: int, height: int, width: int) -> NDArray[np.uint8]:
    """One frame of the clip: constant colours, and a bar that moves to the right."""
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([60 + 2 * rows, 40 + columns * 150 // width, 160 - rows - columns // 2], axis=-1)
    pixels[:, (3 * number) % width :][:, :6] += 40  # brighter, with the same hue: colours have half the resolution
    return pixels.clip(0, 255).astype(np.uint8)


def make_clip(
    path: Path,
    *,
    height: int = 48,
    width: int = 64,
    times: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 12800),
    sound: str | None = "aac",
    rotation: int = 0,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    tags: tuple[int, int, int, int] = (1, 1, 1, 1),
    pix_fmt: str = "yuv420p",
) -> Path:
    """Write a clip of 20 frames.

    ``times`` are in ticks of ``time_base``; ``tags`` are primaries, transfer, matrix and range.
    """
    times = times or [round(number / 25 / time_base) for number in range(FRAMES)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            codec, rate=25, options={"g": "8", **(options or {})}, width=width, height=height, pix_fmt=pix_fmt
        )
        encoder = stream.codec_context
        encoder.time_base, encoder.thread_count = time_base, 1
        encoder.color_primaries, encoder.color_trc, encoder.colorspace, encoder.color_range = tags
        if rotation:
            stream.set_display_rotation(rotation)
        tone = _tone(container, sound) if sound else None
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number, height, width), "rgb24").reformat(
                format=pix_fmt,
                src_color_range="JPEG",
                dst_colorspace="ITU709" if tags[2] == 1 else "ITU601",
                dst_color_range="JPEG" if tags[3] == 2 else "MPEG",
            )
            frame.pts, frame.time_base = time, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if tone is not None:
            stream, frames = tone
            for frame in frames:
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    return path


def _tone(container: Any, codec: str) -> tuple[Any, list[Any]]:
    stream = container.add_stream(codec, rate=48000)
    stream.layout = "mono"
    frames = []
    for number in range(38):
        angle = 2 * np.pi * 440 * (np.arange(1024) + 1024 * number) / 48000
        wave = np.sin(angle)[None] * 0.3
        if codec.startswith("pcm"):
            frame = av.AudioFrame.from_ndarray((wave * 32767).astype(np.int16), format="s16", layout="mono")
        else:
            frame = av.AudioFrame.from_ndarray(wave.astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, 1024 * number, Fraction(1, 48000)
        frames.append(frame)
    return stream, frames


def packets(path: Path, kind: str) -> list[tuple[bytes, Fraction]]:
    """Content and time of all packets of the first stream of a kind."""
    with av.open(str(path)) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return [(bytes(packet), packet.pts * packet.time_base) for packet in container.demux(stream) if packet.size]


def times(path: Path) -> list[Fraction]:
    """When the frames are shown, in seconds."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def frames(path: Path, matrix: str | None = None) -> list[NDArray[np.uint8]]:
    """All frames, (H, W, 3)."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24", src_colorspace=matrix) for frame in container.decode(video=0)]
