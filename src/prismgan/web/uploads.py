"""Pictures that clients sent: files with random names in a folder of the server's own, few and not for long."""

from __future__ import annotations

import secrets
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from prismgan import images
from prismgan.errors import PictureError
from prismgan.picture import Picture, open_picture
from prismgan.picture.unread import refuse_unread
from prismgan.web.limits import Limits
from prismgan.web.refusals import Refusal, words_of

__all__ = ["Upload", "Uploads"]

READ_FORMATS = frozenset({"PNG", "JPEG", "MPO", "WEBP", "TIFF", "AVIF", "BMP", "GIF"})
"""Pillow's names. It reads many more, for which decoders are old and seldom tested."""
PIECE = 1 << 20
"""Bytes that are copied at a time."""
ANY = 2**62


@dataclass
class Upload:
    """One picture."""

    id: str
    client: str
    path: Path
    height: int
    width: int
    used: float = field(default_factory=time.monotonic)
    """When it was last asked for."""

    def open(self) -> Picture:
        """Decode it.

        Raises:
            PictureError: it was forgotten in the meantime.
        """
        try:
            return open_picture(self.path)
        except PictureError as error:
            if not self.path.exists():
                raise PictureError("the picture was removed, or is too old; upload it again") from None
            raise PictureError(words_of(error, [self.path])) from None


class Uploads:
    """All of them. A name that a client sent is never used: only an id that was drawn here finds a picture."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._folder = tempfile.TemporaryDirectory(prefix="prismgan-")
        self.folder = Path(self._folder.name)
        self._kept: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def add(self, client: str, file: BinaryIO) -> Upload:
        """Keep a picture, once it is known that it can be read.

        Raises:
            Refusal: it is no picture (415), too large (413), damaged or too small (422), there are too many (429), or
                the disk is full (507).
        """
        name = secrets.token_urlsafe(16)
        path = self.folder / name
        try:
            self._copy(file, path)
            height, width = self._checked(path)
            upload = Upload(name, client, path, height, width)
            with self._lock:
                self._make_room(client)
                self._kept[name] = upload
        except OSError as error:
            path.unlink(missing_ok=True)
            raise Refusal(507, f"the picture cannot be kept ({error.strerror or error}); try again later") from None
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return upload

    def get(self, name: str) -> Upload:
        """The picture of this id.

        Raises:
            Refusal: there is none (404).
        """
        with self._lock:
            upload = self._kept.get(name)
            if upload is None:
                raise Refusal(404, "no picture has this id; it was removed, or is too old: upload it again")
            upload.used = time.monotonic()
            return upload

    def remove(self, name: str) -> None:
        """Forget a picture.

        Raises:
            Refusal: there is none (404).
        """
        self.get(name)
        with self._lock:
            self._forget(name)

    def sweep(self) -> None:
        """Forget what nobody asked for in a long time."""
        oldest = time.monotonic() - self.limits.seconds
        with self._lock:
            for upload in list(self._kept.values()):
                if upload.used < oldest:
                    self._forget(upload.id)

    def close(self) -> None:
        """Forget all, and remove the folder."""
        with self._lock:
            self._kept.clear()
            self._folder.cleanup()

    def __len__(self) -> int:
        return len(self._kept)

    def _copy(self, file: BinaryIO, path: Path) -> None:
        copied = 0
        with path.open("xb") as kept:
            while piece := file.read(PIECE):
                copied += len(piece)
                if copied > self.limits.upload_bytes:
                    raise Refusal(
                        413, f"the picture's file has more than {self.limits.upload_bytes:,} bytes; send a smaller one"
                    )
                kept.write(piece)

    def _checked(self, path: Path) -> tuple[int, int]:
        """Height and width, the right way up. First of all the header is looked at, which costs next to nothing."""
        try:
            unidentified = refuse_unread(path)
            with images.pixel_limit(ANY), images.open_lazily(path, unidentified) as file:
                kind, (width, height) = file.format, file.size
        except PictureError as error:
            raise Refusal(415, f"the file {words_of(error, [path])}") from None
        if kind not in READ_FORMATS:
            raise Refusal(415, f"the file has the format {kind}, which is not read; save it as PNG or JPEG")
        if width * height > self.limits.pixels:
            raise Refusal(
                413,
                f"the picture has {width * height:,} pixels, and {self.limits.pixels:,} are taken here; "
                "make it smaller, or use prismgan render",
            )
        try:
            pixels = open_picture(path).pixels
            images.refuse_small("picture", *pixels.shape[:2])
        except PictureError as error:
            raise Refusal(422, f"the picture {words_of(error, [path, Path('picture')])}") from None
        return pixels.shape[0], pixels.shape[1]

    def _make_room(self, client: str) -> None:
        own = sorted((upload for upload in self._kept.values() if upload.client == client), key=lambda one: one.used)
        if len(own) >= self.limits.pictures_of_a_client:
            self._forget(own[0].id)
        elif len(self._kept) >= self.limits.pictures:
            raise Refusal(429, "the server keeps as many pictures as it may; try again in some minutes")

    def _forget(self, name: str) -> None:
        self._kept.pop(name).path.unlink(missing_ok=True)
