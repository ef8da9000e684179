"""Uploaded pictures and clips, stored under random names in the server's own folder, limited in number and time."""

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from fastapi import UploadFile
from PIL import Image

from prismgan.errors import PictureError, reason_of
from prismgan.images import Picture, open_lazily, open_picture, refuse_small, refuse_unread
from prismgan.images.pixels import resized_alpha, to_8_bits
from prismgan.packages import missing
from prismgan.render.video.clip import open_clip
from prismgan.web.api_errors import ApiError, words_of
from prismgan.web.limits import Limits
from prismgan.weights import HeadEntry


@dataclass
class Upload:
    """One file; height and width are those of the upright picture."""

    id: str
    client: str
    path: Path
    height: int
    width: int
    used: float = field(default_factory=time.monotonic, kw_only=True)  # time of the last use

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width


Kept = TypeVar("Kept", bound=Upload)


@dataclass(eq=False)
class Uploads(Generic[Kept]):
    """The store of uploads of one kind. File names sent by clients are never used; only random ids find a file."""

    what: str  # name of an upload in errors
    command: str  # command without these limits
    check: Callable[[Limits, str, str, Path], Kept]
    """Returns the upload with this id, of this client, in this file. ApiError: 415 (wrong kind), 413 (too large) or 422
    (damaged or too small)."""
    place: Path  # the server's folder; uploads are in a folder of their own below it
    limits: Limits
    needed: Callable[[Upload], bool]  # whether an unfinished job needs an upload
    file_bytes: int
    output_pixels: int  # maximum pixels of a picture or frame rendered from it
    most: int
    most_of_a_client: int  # beyond this, the least recently used one is removed

    def __post_init__(self) -> None:
        self.folder = self.place / f"{self.what}s"
        self.folder.mkdir()
        self._kept: dict[str, Kept] = {}
        self._lock = threading.Lock()

    def fitting(self, tasks: Iterable[HeadEntry], size: tuple[int, int]) -> list[str]:
        """Names of the tasks whose output is not too large for a source of this height and width."""
        return [task.name for task in tasks if task.scale**2 * size[0] * size[1] <= self.output_pixels]

    def add(self, client: str, file: UploadFile) -> Kept:
        """Check and store a file; :class:`ApiError` also if there are too many (429), or the disk is full (507)."""
        name = secrets.token_urlsafe(16)
        path = self.folder / name
        try:
            if file.size is None or file.size > (most := self.file_bytes):
                raise ApiError(413, f"the {self.what}'s file has more than {most:,} bytes; send a smaller one")
            with path.open("xb") as kept:
                shutil.copyfileobj(file.file, kept)
            upload = self.check(self.limits, name, client, path)
            with self._lock:
                self._make_room(client)
                self._kept[name] = upload
        except BaseException as error:
            path.unlink(missing_ok=True)
            if not isinstance(error, OSError):
                raise
            raise ApiError(507, f"the {self.what} cannot be stored ({reason_of(error)}); try again later") from None
        return upload

    def get(self, name: str) -> Kept:
        """The file with this id; an :class:`ApiError` (404) if there is none."""
        with self._lock:
            upload = self._kept.get(name)
            if upload is None:
                raise ApiError(404, f"no {self.what} has this id; it was removed, or is too old: upload it again")
            upload.used = time.monotonic()
            return upload

    def remove(self, name: str) -> None:
        upload = self.get(name)
        with self._lock:
            self._forget(upload)

    def sweep(self) -> None:
        """Remove uploads that have not been used for a long time."""
        oldest = time.monotonic() - self.limits.seconds
        with self._lock:
            for upload in list(self._kept.values()):
                if upload.used < oldest:
                    self._forget(upload)

    def _make_room(self, client: str) -> None:
        oldest_first = sorted(self._kept.values(), key=lambda one: one.used)
        own = [upload for upload in oldest_first if upload.client == client]
        if len(own) >= self.most_of_a_client:
            self._forget(own[0])
        elif len(self._kept) >= self.most:
            recently = time.monotonic() - self.limits.idle_seconds
            idle = next((one for one in oldest_first if one.used <= recently and not self.needed(one)), None)
            if idle is None:
                raise ApiError(429, f"the server has reached its limit of {self.what}s; try again in a minute")
            self._forget(idle)

    def _forget(self, upload: Kept) -> None:
        self._kept.pop(upload.id, None)
        upload.path.unlink(missing_ok=True)


LARGE = threading.BoundedSemaphore(2)  # limits the number of large pictures decoded at the same time
READ_FORMATS = frozenset({"PNG", "JPEG", "MPO", "WEBP", "TIFF", "AVIF", "BMP", "GIF"})
"""Pillow's names of the accepted formats. Its decoders for other formats are old and rarely tested."""


@dataclass
class SentPicture(Upload):
    def open(self) -> Picture:
        """Decode it."""
        try:
            return open_picture(self.path)
        except PictureError as error:
            gone = "the picture was removed, or is too old; upload it again"
            raise PictureError(words_of(error, [self.path]) if self.path.exists() else gone) from None


def check_picture(limits: Limits, name: str, client: str, path: Path) -> SentPicture:
    """The ``check`` of :class:`Uploads` for pictures; the whole file is decoded."""
    try:  # the header first, which is cheap
        with open_lazily(path, refuse_unread(path)) as file:
            kind, (width, height) = file.format, file.size
    except PictureError as error:
        raise ApiError(415, f"the file {words_of(error, [path])}") from None
    if kind not in READ_FORMATS:
        raise ApiError(415, f"the file has the format {kind}, which is not read; save it as PNG or JPEG")
    if width * height > limits.pixels:
        problem = f"the picture has {width * height:,} pixels, but the limit is {limits.pixels:,}"
        raise ApiError(413, f"{problem}; make it smaller, or use prismgan render")
    try:
        # Many large ones at once would use all memory; small ones need not wait for them.
        with LARGE if width * height > limits.quick_pixels else nullcontext():
            height, width = open_picture(path).pixels.shape[:2]
        refuse_small(str(path), height, width)
    except PictureError as error:
        raise ApiError(422, f"the picture {words_of(error, [path])}") from None
    return SentPicture(name, client, path, height, width)


class Part:
    """A part of a picture, ``crop`` (left, top, width and height in pixels), reduced to ``side`` pixels on its longer
    side; by default the whole. An error if there is no such part, or if it is too small to render."""

    def __init__(self, picture: SentPicture, crop: Sequence[int] | None = None, side: int | None = None) -> None:
        left, top, width, height = self.crop = tuple(crop) if crop else (0, 0, picture.width, picture.height)
        if left + width > picture.width or top + height > picture.height:
            raise ApiError(422, f"crop: reaches beyond the picture, which has {picture.width}x{picture.height} pixels")
        factor = min(1.0, (side or max(width, height)) / max(width, height, 1))
        self.size = round(height * factor), round(width * factor)
        refuse_small("crop" if crop else "side", *self.size)

    def of(self, picture: Picture) -> Picture:
        """That part of the decoded picture, in 8 bits."""
        left, top, width, height = self.crop
        rows, columns = slice(top, top + height), slice(left, left + width)
        pixels = to_8_bits(picture.pixels[rows, columns])
        if self.size != pixels.shape[:2]:
            reduced = Image.fromarray(pixels).resize(self.size[::-1], Image.Resampling.LANCZOS, reducing_gap=3)
            pixels = np.asarray(reduced)
        alpha = None if picture.alpha is None else to_8_bits(resized_alpha(picture.alpha[rows, columns], *self.size))
        return replace(picture, pixels=pixels, alpha=alpha)


CLIP = "the clip"  # its name in errors


@dataclass
class SentClip(Upload):
    seconds: float | None  # duration; None if the file does not give it
    frames: int | None  # approximate number


def clips_are_read() -> bool:
    return not missing(["av", "cv2"])


def plainly(text: str) -> str:
    """``the clip: is too long`` as ``the clip is too long``."""
    return text.replace(f"{CLIP}: ", f"{CLIP} ", 1)


def check_clip(limits: Limits, name: str, client: str, path: Path) -> SentClip:
    """The ``check`` of :class:`Uploads` for clips; only the first frame is decoded."""
    try:  # its properties, and its first frame
        clip = open_clip(path, CLIP)
    except PictureError as error:
        raise ApiError(415, plainly(words_of(error, [path]))) from None
    if clip.width * clip.height > limits.clip_pixels:
        problem = f"the clip has {clip.width}x{clip.height} pixels, but the limit is {limits.clip_pixels:,}"
        raise ApiError(413, f"{problem}; make it smaller, or use prismgan video")
    seconds, frames = clip.seconds or 0, clip.count or 0
    if seconds > limits.clip_seconds or frames > limits.clip_frames:
        taken = f"the limits are {limits.clip_seconds:,.0f} and {limits.clip_frames:,}"
        problem = f"the clip has {seconds:,.0f} seconds and {frames:,} frames, but {taken}"
        raise ApiError(413, f"{problem}; cut it, or use prismgan video")
    return SentClip(name, client, path, *clip.upright_size, clip.seconds, clip.count)
