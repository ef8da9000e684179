"""Clips that clients sent. They need PyAV and OpenCV, which come with ``prismgan[video]``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prismgan.errors import PictureError
from prismgan.packages import missing
from prismgan.render.video.clip import open_clip
from prismgan.web.limits import Limits
from prismgan.web.refusals import Refusal, words_of
from prismgan.web.uploads import Bounds, Upload, Uploads

NAME = "the clip"
"""What errors call it."""


@dataclass
class SentClip(Upload):
    """One clip; height and width are the right way up."""

    seconds: float | None
    """How long it is; None where the file does not say."""
    frames: int | None
    """How many there are, about."""


def clips_are_read() -> bool:
    """Whether the package that reads and writes them is installed."""
    return not missing(["av", "cv2"])


def plainly(text: str) -> str:
    """``the clip: is too long`` as ``the clip is too long``."""
    return text.replace(f"{NAME}: ", f"{NAME} ", 1)


def sent_clips(folder: Path, limits: Limits, needed: Callable[[Upload], bool]) -> Uploads[SentClip]:
    bounds = Bounds(
        what="clip",
        command="prismgan video",
        file_bytes=limits.clip_bytes,
        output_pixels=limits.clip_pixels,
        kept=limits.clips,
        kept_of_a_client=limits.clips_of_a_client,
    )
    return Uploads(folder, limits, bounds, partial(_checked, limits), needed)


def _checked(limits: Limits, name: str, client: str, path: Path) -> SentClip:
    """By what its file says, and its first frame."""
    try:
        clip = open_clip(path, NAME)
    except PictureError as error:
        raise Refusal(415, plainly(words_of(error, [path]))) from None
    if clip.width * clip.height > limits.clip_pixels:
        raise Refusal(
            413,
            f"the clip has {clip.width}x{clip.height} pixels, and {limits.clip_pixels:,} are taken here; "
            "make it smaller, or use prismgan video",
        )
    seconds = clip.seconds or 0
    if seconds > limits.clip_seconds or (clip.count or 0) > limits.clip_frames:
        raise Refusal(
            413,
            f"the clip has {seconds:,.0f} seconds and {clip.count or 0:,} frames, and {limits.clip_seconds:,.0f} and "
            f"{limits.clip_frames:,} are taken here; cut it, or use prismgan video",
        )
    height, width = clip.upright_size
    return SentClip(name, client, path, height, width, clip.seconds, clip.count)
