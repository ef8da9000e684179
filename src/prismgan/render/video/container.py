"""A clip's container: opened without following references to other files, and read past damage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prismgan.errors import PictureError
from prismgan.packages import require

__all__ = ["opened", "packets", "video_stream"]

FORMATS = (
    *("mov", "matroska", "webm", "avi", "mpegts", "mpeg", "asf", "flv", "ogg", "mxf", "gxf", "nut", "rm", "wtv", "dv"),
    *("ivf", "obu", "h264", "hevc", "m4v", "mpegvideo", "vc1", "mjpeg", "gif", "apng", "yuv4mpegpipe"),
)
"""FFmpeg's names of what is read: files that hold everything themselves. Others, as playlists, name files or addresses
that FFmpeg would open as well; a clip that a stranger sent must not choose those."""
MOST_PIXELS = 1 << 26
"""Of a frame, nearly twice 8K: what claims more is damaged, or is meant to take all memory."""
MOST_BROKEN_READS = 100
"""Reads in a row that may fail before the rest of a file is given up."""


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
        if path.is_dir():
            raise PictureError(f"{name}: is a folder, expected a clip; name one of the clips in it")
        if path.exists() and not path.is_file():  # it could be read once, and is read twice
            raise PictureError(f"{name}: is a pipe or a device; use - for the standard input, or save the clip first")
        # Absolute, for FFmpeg takes what stands before a colon for a protocol.
        container = av.open(
            str(path.absolute()),
            metadata_errors="replace",
            container_options={"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "file"},
        )
    except (FileNotFoundError, PermissionError) as error:
        raise PictureError(f"{name}: cannot be opened ({error.strerror})") from None
    except (av.FFmpegError, OSError) as error:
        raise PictureError(
            f"{name}: is not a clip that can be read, or breaks off before it begins ({_said(error)}); "
            "copy it again, or convert it to MP4"
        ) from None
    with container:
        yield container


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


def video_stream(container: Any, name: str) -> Any:
    """The first stream with moving pictures, ready to be decoded; its codec's context is None where nobody knows it.

    Raises:
        PictureError: there is none.
    """
    # A cover picture in a music file is a video stream, too.
    streams = [stream for stream in container.streams.video if not _is_cover(stream)]
    if not streams:
        raise PictureError(f"{name}: has no video stream; name a file with moving pictures")
    if streams[0].codec_context is not None:
        streams[0].codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    return streams[0]


def _is_cover(stream: Any) -> bool:
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def _said(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)
