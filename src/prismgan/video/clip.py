"""A clip: what its file says of it, its frames with their times, and the packets that belong beside them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prismgan import images
from prismgan.errors import PictureError
from prismgan.packages import require
from prismgan.video.colours import Colours

__all__ = ["Clip", "Frame", "Reader", "open_clip", "opened", "packets"]

PixelArray = NDArray[np.uint8]
Matrix = tuple[int, ...]

USUAL_RATE = Fraction(25)
HIGHEST_RATE = 1000
"""Frames a second of a clip whose file says none that can be, and the most that can be."""
MOST_BROKEN_READS = 100
"""Reads in a row that may fail before the rest of a file is given up."""


@dataclass(frozen=True)
class Frame:
    """A decoded frame."""

    pixels: PixelArray
    """(H, W, 3), as it was coded: not turned upright."""
    time: int
    """When it is shown, in the clip's time base; every frame later than the one before."""
    duration: int
    """How long, as far as the file says; 0 where it does not."""


@dataclass(frozen=True)
class Clip:
    """What a file says of its first video stream."""

    path: Path
    name: str
    """What errors call it."""
    width: int
    height: int
    time_base: Fraction
    """Seconds of one tick."""
    rate: Fraction
    """Frames a second, on average; lengths of segments and the encoder's rate come from it, and no frame's time."""
    count: int | None
    """How many frames there are, about; None where the file does not say."""
    colours: Colours
    shape: Fraction | None
    """Width of a pixel over its height; None where the file does not say."""
    matrix: Matrix | None
    """How a player turns the frames, as FFmpeg's nine numbers; None where it does not."""
    interlaced: bool
    seconds: float | None = None
    """How long it is; None where the file does not say."""

    def upright(self, pixels: PixelArray) -> PixelArray:
        """Frames as a player shows them: a view of (H, W, 3) pixels, turned and mirrored by the matrix."""
        if self.matrix is None:
            return pixels
        across, down, across_y, down_y = (self.matrix[index] for index in (0, 1, 3, 4))
        if abs(down) > abs(across):  # columns become rows
            pixels, across, down_y = pixels.transpose(1, 0, 2), across_y, down
        return pixels[:: -1 if down_y < 0 else 1, :: -1 if across < 0 else 1]


@contextmanager
def opened(path: Path, name: str | None = None) -> Iterator[Any]:
    """An open container.

    Raises:
        PictureError: the file does not exist, or is none that FFmpeg knows.
    """
    require("clips", "video", "av")
    import av

    name = str(path) if name is None else name
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # it could be read once, and is read twice
            raise PictureError(f"{name}: is a pipe or a device; use - for the standard input, or save the clip first")
        # Absolute, for FFmpeg takes what stands before a colon for a protocol.
        container = av.open(str(path.absolute()), metadata_errors="replace")
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise PictureError(f"{name}: cannot be opened ({error.strerror})") from None
    except (av.FFmpegError, OSError) as error:
        raise PictureError(
            f"{name}: is not a clip that can be read, or breaks off before it begins ({_said(error)}); "
            "copy it again, or convert it to MP4"
        ) from None
    with container:
        yield container


def open_clip(path: Path, name: str | None = None) -> Clip:
    """Read what a file says of itself, and its first frame.

    Args:
        path: the file.
        name: what errors call it; its path by default.

    Raises:
        PictureError: it cannot be read, has no video, an unknown codec, no frame that can be decoded, one that is too
            small, or a high dynamic range.
    """
    name = str(path) if name is None else name
    with opened(path, name) as container:
        stream = _video(container, name)
        if stream.codec_context is None:
            raise PictureError(
                f"{name}: has a codec that the installed PyAV does not decode; convert the clip to H.264 first"
            )
        reader = Reader(name)
        first = next(reader.decoded(container), None)
        if first is None:
            raise PictureError(f"{name}: has a video stream, and no frame of it can be decoded; is the file whole?")
        colours = Colours.of(first)
        if colours.hdr is not None:
            raise PictureError(
                f"{name}: has a high dynamic range ({colours.hdr}), which the networks do not know; "
                "convert it to a standard one (SDR) first"
            )
        images.refuse_small(name, first.height, first.width)
        rate = Fraction(stream.average_rate or stream.guessed_rate or USUAL_RATE)
        if not 1 <= rate <= HIGHEST_RATE:
            rate = USUAL_RATE  # some files give the ticks of their clock
        seconds = _seconds(container, stream)
        return Clip(
            path=path,
            name=name,
            width=first.width,
            height=first.height,
            time_base=Fraction(stream.time_base),
            rate=rate,
            count=stream.frames or (round(seconds * rate) if seconds else None),
            colours=colours,
            shape=stream.sample_aspect_ratio or None,
            matrix=_matrix(first),
            interlaced=first.interlaced_frame,
            seconds=seconds,
        )


class Reader:
    """Decodes a clip's frames; what is damaged is left out and counted.

    Args:
        name: what errors call the clip.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.damaged = 0
        """Packets so far that gave no frame, and frames that the decoder had to mend."""

    def frames(self, clip: Clip, skip: int = 0) -> Iterator[Frame]:
        """All frames behind the first ``skip``, in the order they are shown in.

        A frame without a time, or with one that is not later than the last, comes one frame's length after it.

        Raises:
            PictureError: the file cannot be read any more.
        """
        step = max(1, round(1 / (clip.rate * clip.time_base)))
        time: int | None = None
        with opened(clip.path, clip.name) as container:
            for number, frame in enumerate(self.decoded(container)):
                if time is None:
                    time = 0 if frame.pts is None else frame.pts
                else:
                    time = frame.pts if frame.pts is not None and frame.pts > time else time + step
                if number >= skip:
                    pixels = clip.colours.to_rgb(frame, clip.width, clip.height)
                    yield Frame(pixels, time, frame.duration or 0)

    def decoded(self, container: Any) -> Iterator[Any]:
        """PyAV's frames of the first video stream.

        Raises:
            PictureError: there is no video stream.
        """
        import av

        stream = _video(container, self.name)
        for packet in packets(container, stream, failed=self._failed):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self._failed()
                continue
            for frame in frames:
                self.damaged += frame.is_corrupt
                yield frame

    def _failed(self) -> None:
        self.damaged += 1


def packets(container: Any, *streams: Any, failed: Callable[[], object] = lambda: None) -> Iterator[Any]:
    """Packets of some streams; what cannot be read is left out, and ``failed`` told of it.

    The last ones are empty, which makes decoders give what they hold back.
    """
    import av

    failures = 0
    while failures < MOST_BROKEN_READS:
        try:
            for packet in container.demux(*streams):
                failures = 0
                yield packet
            return
        except av.FFmpegError:  # the file goes on behind it, mostly
            failures += 1
            failed()


def _video(container: Any, name: str) -> Any:
    # A cover picture in a music file is a video stream, too.
    streams = [stream for stream in container.streams.video if not _is_cover(stream)]
    if not streams:
        raise PictureError(f"{name}: has no video stream; name a file with moving pictures")
    return streams[0]


def _is_cover(stream: Any) -> bool:
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def _matrix(frame: Any) -> Matrix | None:
    from av.sidedata.sidedata import Type

    found = frame.side_data.get(Type.DISPLAYMATRIX)
    return None if found is None else struct.unpack("9i", bytes(found))


def _seconds(container: Any, stream: Any) -> float | None:
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / 1_000_000 if container.duration else None


def _said(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)
