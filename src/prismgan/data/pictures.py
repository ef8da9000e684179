"""Pictures by reference: a path, or ``builtin:NAME``; and a cache of decoded ones."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jaxtyping import UInt8
from torch import Tensor

from prismgan import images
from prismgan.data import builtin
from prismgan.errors import PictureError
from prismgan.tasks import PictureName


def load(picture: PictureName) -> UInt8[Tensor, "3 H W"]:
    """Decode a picture, pixels 0..255.

    Raises:
        PictureError: the file is missing, damaged, truncated or not a picture.
        DataError: there is no built-in picture of that name.
    """
    return builtin.load(picture) if builtin.is_builtin(picture) else images.read(Path(picture))


def expand(pictures: Sequence[PictureName]) -> tuple[PictureName, ...]:
    """Single pictures for folders (all pictures below them, sorted) and for built-in collections.

    A path that is no folder is kept as it is, whether there is such a file or not. A PictureError says that a folder
    holds no picture.
    """
    single: list[PictureName] = []
    for picture in pictures:
        if builtin.is_builtin(picture):
            single += builtin.expand(picture)
        elif Path(picture).is_dir():
            single += map(str, images.find_pictures(Path(picture)))
        else:
            single.append(picture)
    return tuple(single)


def resolve(picture: PictureName, base: Path) -> PictureName:
    """The reference with a relative path made absolute against ``base``; built-in names stay as they are."""
    return picture if builtin.is_builtin(picture) else str(base / Path(picture).expanduser())


class Cache:
    """Decoded pictures, bounded in memory.

    Pictures are decoded at construction, in threads, until the memory is used up. Nothing is kept later: forked worker
    processes share what is there. Nothing is thrown out either, as training asks for all pictures equally often.

    Args:
        wanted: pictures to decode. Unreadable ones raise no error here, but in :meth:`load`.
        megabytes: memory limit; 0 keeps nothing.
    """

    def __init__(self, wanted: Iterable[PictureName], megabytes: int) -> None:
        self.unreadable: dict[PictureName, str] = {}
        """Pictures that could not be read so far, and why."""
        self._kept: dict[PictureName, UInt8[Tensor, "3 H W"]] = {}
        if megabytes > 0:
            self._fill(list(dict.fromkeys(wanted)), megabytes * 2**20)

    def load(self, picture: PictureName) -> UInt8[Tensor, "3 H W"]:
        """As :func:`load`. The caller must not write into it; an unreadable file is read only once."""
        if picture in self._kept:
            return self._kept[picture]
        if picture in self.unreadable:
            raise PictureError(self.unreadable[picture])
        try:
            return load(picture)
        except PictureError as error:
            self.unreadable[picture] = str(error)
            raise

    def _fill(self, wanted: list[PictureName], free: int) -> None:
        def attempt(picture: PictureName) -> UInt8[Tensor, "3 H W"] | None:
            try:
                return self.load(picture)
            except PictureError:
                return None  # remembered by load

        threads = min(8, os.cpu_count() or 1)
        with ThreadPoolExecutor(threads) as pool:
            for start in range(0, len(wanted), threads):
                part = wanted[start : start + threads]
                for picture, pixels in zip(part, pool.map(attempt, part), strict=True):
                    if pixels is not None:
                        free -= pixels.numel()
                        if free < 0:
                            return
                        self._kept[picture] = pixels
