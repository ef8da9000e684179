"""Opening picture files safely, including malicious ones: the cost of reading is bounded before decoding."""

import ctypes
import io
import logging
import mmap
import re
import struct
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import PIL
from PIL import Image, UnidentifiedImageError

from prismgan.errors import PictureError, explained, reason_of

UNKNOWN = "is not a picture that can be read (unknown or damaged format); save it as PNG or JPEG first"
# Errors of Pillow's decoders for damaged files, by format; the last two for an embedded picture that is too large.
DECODING_ERRORS = (
    *(OSError, ValueError, SyntaxError, EOFError, RuntimeError, IndexError, TypeError, struct.error),
    *(Image.DecompressionBombError, Image.DecompressionBombWarning),
)
MAXIMUM_PIXELS = 400_000_000  # more than any camera's; a file that claims more is meant to exhaust the memory
PLAIN_PIXELS = 64_000_000  # no minimum file size up to here, because decoding takes less than half a gigabyte
PIXELS_A_BYTE = 50  # maximum pixels per byte of larger files, against exhausting the memory; photos have 1 to 30
MOST_SCANS = 50  # of a JPEG, because each one processes all pixels; programs write 1 to 23
STRIPS = frozenset({273, 279, 324, 325})  # TIFF's tags for offsets and lengths of strips or tiles
MOST_STRIPS = 4 * 65_536  # of a TIFF: one for each row and channel
HEADER_SECONDS = 0.5  # maximum computing time for reading a header
SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # the marker after the entropy-coded data of a scan
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9

# Pillow also logs problems; without a handler Python would write them to stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())


class BoundedFile(io.BufferedReader):
    """A file with limits for the number of reads, their bytes, and, until the header is read, their time. Pillow
    processes chunks, tags or blocks one by one; a small file can have millions, or tags that share one large block."""

    def __init__(self, raw: Any, size: int) -> None:
        super().__init__(raw)
        self._reads, self._bytes = 50_000 + size // 64, 1_000_000 + 8 * size
        self.end: float | None = time.thread_time() + HEADER_SECONDS  # None once the header is read

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self._reads -= 1
        self._bytes -= len(content)
        if self._reads < 0 or self._bytes < 0 or (self.end is not None and time.thread_time() > self.end):
            raise OSError("it has more parts than a picture needs")
        return content


class _Decoding:
    """Sets Pillow's pixel limit and warnings, which are global to the process, while any thread decodes a picture."""

    def __init__(self) -> None:
        self._lock, self._threads = threading.Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._threads:
                self._filters, self._limit = warnings.catch_warnings(), Image.MAX_IMAGE_PIXELS
                self._filters.__enter__()
                warnings.simplefilter("ignore", UserWarning)
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                Image.MAX_IMAGE_PIXELS = MAXIMUM_PIXELS
            self._threads += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._threads -= 1
            if not self._threads:
                self._filters.__exit__(None, None, None)
                Image.MAX_IMAGE_PIXELS = self._limit


_decoding = _Decoding()


@contextmanager
def open_lazily(
    source: Path | bytes, unidentified: str = UNKNOWN, formats: tuple[str, ...] | None = None, name: str = "picture"
) -> Iterator[Image.Image]:
    """A picture whose pixels are not decoded yet; decode it inside the ``with``. Raises :class:`PictureError` if the
    file is missing, is not a picture, has too many pixels, or is malicious.

    Args:
        source: the file, or its content, which ``name`` names in errors.
        unidentified: the message for a file whose format Pillow does not recognise.
        formats: Pillow's names of the accepted formats; by default all.
    """
    where = source if isinstance(source, Path) else name
    with _decoding:
        with explained(f"{where}: cannot be read", "; try a copy of it", PictureError):
            file, size = _opened(source)
        with file:
            try:
                if _most_strips(file) > MOST_STRIPS:
                    raise PictureError(f"{where}: is a TIFF with more strips than a picture has rows; save it again")
                picture = Image.open(file, formats=formats)
                _refuse_harmful(where, picture, source, size)
            except UnidentifiedImageError:
                raise PictureError(f"{where}: {unidentified}") from None
            except (Image.DecompressionBombWarning, Image.DecompressionBombError):
                raise PictureError(f"{where}: has more than {MAXIMUM_PIXELS:,} pixels; make it smaller first") from None
            except DECODING_ERRORS as error:
                raise PictureError(f"{where}: cannot be read ({reason_of(error)}); try a copy of it") from None
            file.end = None
            with picture:
                yield picture


def missing(path: Path) -> PictureError:
    """The error for a path without a file."""
    what = "is a broken link; fix or remove it" if path.is_symlink() else "no such file"
    return PictureError(f"{path}: {what}")


def damaged(path: Path | str, error: BaseException) -> PictureError:
    """The error for a picture that is truncated or cannot be decoded."""
    return PictureError(f"{path}: is damaged or truncated ({error}); copy it again, or save it again")


def _opened(source: Path | bytes) -> tuple[BoundedFile, int]:
    if isinstance(source, bytes):
        return BoundedFile(io.BytesIO(source), len(source)), len(source)
    if not source.exists():
        raise missing(source)
    if source.is_dir():
        raise PictureError(f"{source}: is a folder, expected a picture")
    if not source.is_file():  # reading from it might never end
        raise PictureError(f"{source}: is a pipe or a device, expected a picture; save its content to a file")
    size = source.stat().st_size
    return BoundedFile(io.FileIO(source), size), size


def _refuse_harmful(where: object, picture: Image.Image, source: Path | bytes, size: int) -> None:
    pixels = picture.width * picture.height
    if pixels > max(PLAIN_PIXELS, size * PIXELS_A_BYTE):
        raise PictureError(f"{where}: claims {pixels:,} pixels in {size:,} bytes, which no photo does; make it smaller")
    if picture.format in ("JPEG", "MPO"):
        if isinstance(source, bytes):
            scans = _scans(source)
        else:
            with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                scans = _scans(content)
        if scans > MOST_SCANS:
            raise PictureError(f"{where}: is a JPEG of {scans:,} scans or more, which takes too long; save it again")
    if picture.format == "TIFF":
        _silence_libtiff()
    # A GIF has to be searched for a second frame; the result is cached.
    _ = getattr(picture, "is_animated", False)


def _scans(content: bytes | mmap.mmap) -> int:
    """Scans of a JPEG's first picture, counted by its markers up to one more than :data:`MOST_SCANS`."""
    scans, place = 0, 2
    while place + 4 <= len(content) and scans <= MOST_SCANS:
        marker, length = content[place + 1], int.from_bytes(content[place + 2 : place + 4], "big")
        if content[place] != 0xFF or marker == END_OF_IMAGE:
            break
        if marker == 0xFF:  # fill byte
            place += 1
            continue
        place += 2 + length
        if marker == START_OF_SCAN:
            scans += 1
            following = SCAN.search(content, place)
            if following is None:
                break
            place = following.start()
    return scans


def _most_strips(file: BoundedFile) -> int:
    """Number of strips or tiles that the first picture of a TIFF claims; 0 for other files. Rewinds the file."""
    head = file.read(16)
    counts: list[int] = []
    with suppress(struct.error, KeyError):  # not a TIFF, or truncated
        order = {b"II": "<", b"MM": ">"}[head[:2]]
        # The place of the first directory's offset, the layouts of the offset and of its length, and of an entry.
        large = {b"*\0": False, b"\0*": False, b"+\0": True, b"\0+": True}[head[2:4]]
        place, offset, length, entry = (8, "Q", "Q", "HHQQ") if large else (4, "I", "H", "HHII")
        file.seek(*struct.unpack_from(order + offset, head, place))
        (many,) = struct.unpack(order + length, file.read(struct.calcsize(order + length)))
        entries = file.read(struct.calcsize(order + entry) * min(many, 65_536))
        counts = [count for tag, _, count, _ in struct.iter_unpack(order + entry, entries) if tag in STRIPS]
    file.seek(0)
    return max(counts, default=0)


@cache
def _silence_libtiff() -> None:
    """Stop libtiff from writing its errors to the process's stderr; Python raises them anyway."""
    package = Path(PIL.__file__).parent
    for folder in (package.parent / "pillow.libs", package / ".dylibs"):
        for library in folder.glob("libtiff*"):
            handler = ctypes.CDLL(str(library)).TIFFSetErrorHandler
            handler.restype, handler.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
            handler(None)
