"""Files that clients sent, with random names in a folder of the server's own, few and not for long."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from fastapi import UploadFile

from prismgan.web.limits import Limits
from prismgan.web.refusals import Refusal
from prismgan.weights import HeadEntry


@dataclass(frozen=True)
class Bounds:
    """What is kept of one kind of file."""

    what: str
    """What errors call it."""
    command: str
    """What takes more."""
    file_bytes: int
    output_pixels: int
    """Of a picture or frame that is made of it."""
    kept: int
    kept_of_a_client: int
    """Beyond, the one that was used longest ago is forgotten."""

    def fitting(self, tasks: Iterable[HeadEntry], size: tuple[int, int]) -> list[str]:
        """Names of the tasks whose output is not too large of a source of this height and width."""
        return [task.name for task in tasks if task.scale**2 * size[0] * size[1] <= self.output_pixels]


@dataclass
class Upload:
    """One file."""

    id: str
    client: str
    path: Path
    height: int
    width: int
    used: float = field(default_factory=time.monotonic, kw_only=True)
    """When it was last asked for."""

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width


Kept = TypeVar("Kept", bound=Upload)


class Uploads(Generic[Kept]):
    """All of one kind. A name that a client sent is never used: only an id that was drawn here finds a file.

    Args:
        check: makes an upload of an id, a client and a file that was copied.
        needed: whether a job that is not over needs an upload.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits,
        bounds: Bounds,
        check: Callable[[str, str, Path], Kept],
        needed: Callable[[Upload], bool],
    ) -> None:
        self.folder, self.limits, self.bounds, self.check, self.needed = folder, limits, bounds, check, needed
        folder.mkdir()
        self._kept: dict[str, Kept] = {}
        self._lock = threading.Lock()

    def add(self, client: str, file: UploadFile) -> Kept:
        """Keep a file, once it is known that it can be read.

        Raises:
            Refusal: it is of another kind (415), too large (413), damaged or too small (422), there are too many (429),
                or the disk is full (507).
        """
        name = secrets.token_urlsafe(16)
        path = self.folder / name
        try:
            self._copy(file, path)
            upload = self.check(name, client, path)
            with self._lock:
                self._make_room(client)
                self._kept[name] = upload
        except OSError as error:
            path.unlink(missing_ok=True)
            reason = error.strerror or error
            raise Refusal(507, f"the {self.bounds.what} cannot be kept ({reason}); try again later") from None
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return upload

    def get(self, name: str) -> Kept:
        """The file of this id.

        Raises:
            Refusal: there is none (404).
        """
        with self._lock:
            upload = self._kept.get(name)
            if upload is None:
                what = self.bounds.what
                raise Refusal(404, f"no {what} has this id; it was removed, or is too old: upload it again")
            upload.used = time.monotonic()
            return upload

    def remove(self, name: str) -> None:
        """Forget a file.

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

    def __len__(self) -> int:
        return len(self._kept)

    def _copy(self, file: UploadFile, path: Path) -> None:
        what, most = self.bounds.what, self.bounds.file_bytes
        if file.size is None or file.size > most:
            raise Refusal(413, f"the {what}'s file has more than {most:,} bytes; send a smaller one")
        with path.open("xb") as kept:
            shutil.copyfileobj(file.file, kept)

    def _make_room(self, client: str) -> None:
        oldest_first = sorted(self._kept.values(), key=lambda one: one.used)
        own = [upload for upload in oldest_first if upload.client == client]
        if len(own) >= self.bounds.kept_of_a_client:
            self._forget(own[0].id)
        elif len(self._kept) >= self.bounds.kept:
            recently = time.monotonic() - self.limits.idle_seconds
            idle = next((one for one in oldest_first if one.used <= recently and not self.needed(one)), None)
            if idle is None:
                raise Refusal(429, f"the server keeps as many {self.bounds.what}s as it may; try again in a minute")
            self._forget(idle.id)

    def _forget(self, name: str) -> None:
        upload = self._kept.pop(name, None)
        if upload is not None:
            upload.path.unlink(missing_ok=True)
