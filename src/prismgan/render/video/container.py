"""A clip's container, opened without following references and read past damage, and the colours of its frames."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from prismgan.errors import PictureError, reason_of
from prismgan.images.files import HDR_TRANSFERS
from prismgan.packages import require

PixelArray = NDArray[np.uint8]
FORMATS = (
    *("mov", "matroska", "webm", "avi", "mpegts", "mpeg", "asf", "flv", "ogg", "mxf", "gxf", "nut", "rm", "wtv", "dv"),
    *("ivf", "obu", "h264", "hevc", "m4v", "mpegvideo", "vc1", "mjpeg", "gif", "apng", "yuv4mpegpipe"),
)
"""FFmpeg's names of the accepted formats, which are self-contained. Other formats, for example playlists, name further
files or addresses that FFmpeg would open; an untrusted clip must not be able to choose those."""
MOST_PIXELS = 1 << 26  # per frame, nearly twice 8K: a clip that claims more is damaged or malicious
MOST_BROKEN_READS = 100  # reads in a row that may fail before the rest of a file is given up


@contextmanager
def opened(path: Path, name: str) -> Iterator[Any]:
    """An open container; :class:`PictureError` if FFmpeg does not support the file. ``name`` is used in errors."""
    require("clips", "video", "av")
    import av

    try:
        if path.is_dir():
            raise PictureError(f"{name}: is a folder, expected a clip; name one of the clips in it")
        if path.exists() and not path.is_file():  # could be read only once, but has to be read twice
            raise PictureError(f"{name}: is a pipe or a device; use - for the standard input, or save the clip first")
        accepted = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "file"}
        # Absolute, because FFmpeg takes anything before a colon for a protocol.
        container = av.open(str(path.absolute()), metadata_errors="replace", container_options=accepted)
    except (FileNotFoundError, PermissionError) as error:
        raise PictureError(f"{name}: cannot be opened ({error.strerror})") from None
    except (av.FFmpegError, OSError) as error:
        fault = f"is not a clip that can be read, or is truncated at the start ({reason_of(error)})"
        raise PictureError(f"{name}: {fault}; copy it again, or convert it to MP4") from None
    with container:
        yield container


def packets(container: Any, *streams: Any, failed: Callable[[], object] = lambda: None) -> Iterator[Any]:
    """Packets of some streams, then empty ones, which flush decoders; ``failed`` is called for each failed read."""
    import av

    failures = 0
    while failures < MOST_BROKEN_READS:
        try:
            for packet in container.demux(*streams):
                failures = 0
                yield packet
            return
        except av.FFmpegError:  # the rest of the file is usually readable
            failures += 1
            failed()


def video_stream(container: Any, name: str) -> Any:
    """The first stream with moving pictures, ready for decoding; its codec context is None for an unknown codec."""
    from av.stream import Disposition

    # The cover picture of a music file is a video stream, too.
    covers = Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & covers]
    if not streams:
        raise PictureError(f"{name}: has no video stream; name a file with moving pictures")
    if streams[0].codec_context is not None:
        streams[0].codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    return streams[0]


MATRICES = {1: "ITU709", 4: "FCC", 5: "ITU601", 6: "ITU601", 7: "SMPTE240M", 9: "BT2020"}
"""Matrix coefficients of H.273, as libswscale calls them."""
HD = 720  # height from which players take an untagged clip for BT.709
FULL_RANGE = 2


@dataclass(frozen=True)
class Colours:
    """A clip's colour tags, as numbers of H.273, and the conversion matrix for them."""

    primaries: int
    transfer: int
    space: int
    full_range: bool
    matrix: str  # name of the conversion matrix; for an untagged clip, the one that players assume

    @classmethod
    def of(cls, frame: Any) -> Self:
        """The colours of a clip, from its first decoded frame. RGB clips are written as BT.709."""
        rgb = frame.format.is_rgb
        space = 1 if rgb else int(frame.colorspace)
        full_range = not rgb and (int(frame.color_range) == FULL_RANGE or frame.format.name.startswith("yuvj"))
        matrix = MATRICES.get(space, "ITU709" if frame.height >= HD else "ITU601")
        return cls(int(frame.color_primaries), int(frame.color_trc), space, full_range, matrix)

    @property
    def hdr(self) -> str | None:
        """Name of the transfer function, if the clip has a high dynamic range."""
        return HDR_TRANSFERS.get(self.transfer)

    def tag(self, encoder: Any) -> None:
        encoder.color_primaries, encoder.color_trc, encoder.colorspace = self.primaries, self.transfer, self.space
        encoder.color_range = FULL_RANGE if self.full_range else 1

    def to_rgb(self, frame: Any, width: int, height: int) -> PixelArray:
        """The pixels (H, W, 3) of a decoded frame, resized in case the clip changes its size."""
        converted = frame.reformat(
            width=width,
            height=height,
            format="rgb24",
            src_colorspace=None if frame.format.is_rgb else self.matrix,
            src_color_range="JPEG" if self.full_range or frame.format.is_rgb else "MPEG",
            dst_color_range="JPEG",
            interpolation=_exactly(),
            threads=1,
        )
        return np.asarray(converted.to_ndarray())

    def to_yuv(self, pixels: PixelArray) -> Any:
        """A ``yuv420p`` frame of (H, W, 3) pixels; H and W are even."""
        import av

        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        converted = frame.reformat(
            format="yuv420p",
            src_color_range="JPEG",
            dst_colorspace=self.matrix,
            dst_color_range="JPEG" if self.full_range else "MPEG",
            interpolation=_exactly(),
            threads=1,
        )
        # x264 reads the tags of frames, too.
        converted.color_primaries, converted.color_trc = self.primaries, self.transfer
        converted.colorspace = self.space
        return converted


def _exactly() -> Any:
    """Flags for exact conversion, the same on every machine."""
    from av.video.reformatter import Interpolation

    return Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT
