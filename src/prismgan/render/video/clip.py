"""A clip: its properties, and its frames with their times."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from prismgan import images
from prismgan.errors import PictureError
from prismgan.render.video.container import Colours, PixelArray, opened, packets, video_stream

Matrix = tuple[int, ...]
USUAL_RATE = Fraction(25)
HIGHEST_RATE = 1000  # maximum plausible frame rate


@dataclass(frozen=True)
class Frame:
    pixels: PixelArray  # (H, W, 3), as coded: not turned upright
    time: int  # presentation time in the clip's time base, later than that of the previous frame
    duration: int  # in the clip's time base; 0 if the file does not give it


@dataclass(frozen=True)
class Clip:
    """Properties of a file's first video stream."""

    path: Path
    name: str  # its name in errors
    width: int
    height: int
    time_base: Fraction  # seconds of one tick
    rate: Fraction  # average frame rate, used for segment lengths and the encoder, not for frame times
    count: int | None  # approximate number of frames; None if the file does not give it
    colours: Colours
    shape: Fraction | None  # width of a pixel over its height; None if the file does not give it
    matrix: Matrix | None  # display matrix, as FFmpeg's nine numbers; None if there is none
    interlaced: bool
    seconds: float | None = None  # duration; None if the file does not give it

    @property
    def is_turned(self) -> bool:
        """Whether a player shows columns as rows."""
        return self.matrix is not None and abs(self.matrix[1]) > abs(self.matrix[0])

    @property
    def upright_size(self) -> tuple[int, int]:
        """Height and width as a player shows them, in pixels."""
        return (self.width, self.height) if self.is_turned else (self.height, self.width)

    def upright(self, pixels: PixelArray) -> PixelArray:
        """A frame as a player shows it: a view of (H, W, 3) pixels, rotated and mirrored by the matrix."""
        if self.matrix is None:
            return pixels
        across, down, across_y, down_y = (self.matrix[index] for index in (0, 1, 3, 4))
        if self.is_turned:
            pixels, across, down_y = pixels.transpose(1, 0, 2), across_y, down
        return pixels[:: -1 if down_y < 0 else 1, :: -1 if across < 0 else 1]


def open_clip(path: Path, name: str | None = None) -> Clip:
    """Read a file's properties and its first frame; :class:`PictureError` if no frame can be rendered."""
    name = str(path) if name is None else name
    with opened(path, name) as container:
        from av.sidedata.sidedata import Type

        stream = video_stream(container, name)
        if stream.codec_context is None:
            fault = "has a codec that the installed PyAV does not decode"
            raise PictureError(f"{name}: {fault}; convert the clip to H.264 first")
        reader = Reader(name)
        first = next(reader.decoded(container), None)
        if first is None:
            raise PictureError(f"{name}: no frame of its video stream can be decoded; is the file complete?")
        colours = Colours.of(first)
        if colours.hdr is not None:
            problem = f"has a high dynamic range ({colours.hdr}), which the networks do not support"
            raise PictureError(f"{name}: {problem}; convert it to standard dynamic range (SDR) first")
        images.refuse_small(name, first.height, first.width)
        rate = Fraction(stream.average_rate or stream.guessed_rate or USUAL_RATE)
        if not 1 <= rate <= HIGHEST_RATE:
            rate = USUAL_RATE  # some files give the ticks of their clock instead
        matrix = first.side_data.get(Type.DISPLAYMATRIX)
        seconds = container.duration / 1_000_000 if container.duration else None
        if stream.duration:
            seconds = float(stream.duration * stream.time_base)
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
            matrix=None if matrix is None else struct.unpack("9i", bytes(matrix)),
            interlaced=first.interlaced_frame,
            seconds=seconds,
        )


class Reader:
    """Decodes a clip's frames; damaged ones are skipped and counted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.damaged = 0  # packets so far that gave no frame, and frames that the decoder had to repair

    def frames(self, clip: Clip, skip: int = 0) -> Iterator[Frame]:
        """All frames after the first ``skip``, in presentation order. A frame without a time, or whose time is not
        later than the previous one, is placed one frame's length after it."""
        step = max(1, round(1 / (clip.rate * clip.time_base)))
        time: int | None = None
        with opened(clip.path, clip.name) as container:
            for number, frame in enumerate(self.decoded(container)):
                if time is None:
                    time = 0 if frame.pts is None else frame.pts
                else:
                    time = frame.pts if frame.pts is not None and frame.pts > time else time + step
                if number >= skip:
                    yield Frame(clip.colours.to_rgb(frame, clip.width, clip.height), time, frame.duration or 0)

    def decoded(self, container: Any) -> Iterator[Any]:
        import av

        def failed() -> None:
            self.damaged += 1

        stream = video_stream(container, self.name)
        for packet in packets(container, stream, failed=failed):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                failed()
                continue
            for frame in frames:
                self.damaged += frame.is_corrupt
                yield frame
