"""Writing files so that nothing is ever left half-written, folders that one program at a time works in, and JSON."""

import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from prismgan.errors import PrismganError

LOCK = ".lock"  # name of the file in a folder that one program at a time works in; only who holds the lock removes it
DEEPEST = 100  # levels that JSON may be nested in; nothing of ours comes near
TEMPORARY = re.compile(r"\.(?P<name>.+)-(?P<process>\d+)-[a-z0-9_]{8}(?P<old>-old)?")
"""Names of files and folders that are being written: what it will be called, and the number of the process."""


def entries(folder: Path) -> list[Path]:
    """The content of a folder, without locks and without what killed programs left half-written."""
    return [path for path in folder.iterdir() if path.name != LOCK and not TEMPORARY.fullmatch(path.name)]


def parse_json(text: str | bytes) -> Any:
    """Like :func:`json.loads`; also a ``ValueError`` for what is nested more deeply than :data:`DEEPEST`."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    level = [value]
    for _ in range(DEEPEST):
        level = [
            part
            for each in level
            if isinstance(each, dict | list)
            for part in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return value
    raise ValueError("is nested too deeply")


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PrismganError(f"{folder}: cannot be made ({error.strerror or error})") from None


@contextmanager
def locked(folder: Path, work: str) -> Iterator[None]:
    """Make a folder and keep other programs that ask for the same lock out of it; :class:`PrismganError` where another
    such ``work`` is running there. The lock ends with the program, however that ends.
    """
    from filelock import FileLock, Timeout

    make_folder(folder)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise PrismganError(f"{folder}: another {work} is running in this folder; wait, or choose another") from None
    except (OSError, NotImplementedError) as error:
        raise PrismganError(f"{folder}: cannot be locked ({getattr(error, 'strerror', None) or error})") from None
    try:
        yield
    finally:
        with suppress(PermissionError):  # of Windows, for files that are open: there the lock's file stays
            (folder / LOCK).unlink(missing_ok=True)
        lock.release()


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash, sees the old content or the new, never a part."""
    with new_file(path) as file:
        file.write(content)


def write_file(path: Path, content: bytes) -> None:
    """As :func:`replace_file`, and make the folders above it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PrismganError(f"{path}: cannot be written ({error.strerror or error})") from None
    replace_file(path, content)


@contextmanager
def new_file(path: Path) -> Iterator[Any]:
    """A file that takes its place once the block has ended without an error; until then, and where there is a
    :class:`PrismganError` because the disk is full or the folder cannot be written to, the old one stays.
    """
    try:
        _remove_leftovers(path)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-{os.getpid()}-")
    except OSError as error:
        raise PrismganError(f"{path}: cannot be written ({error.strerror or error})") from None
    temporary, watched = Path(name), _Watched(descriptor, "wb")
    try:
        with io.BufferedWriter(watched) as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        temporary.chmod(0o644)
        temporary.replace(path)
    except Exception as error:
        failure = watched.failure or error
        if not isinstance(failure, OSError):
            raise
        raise PrismganError(
            f"{path}: cannot be written ({failure.strerror or failure}); what was there before is untouched"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


class _Watched(io.FileIO):
    """A file that remembers why it could not be written: libraries replace the error by words of their own."""

    failure: OSError | None = None

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except OSError as error:
            self.failure = error
            raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """As :func:`new_file`, a folder. What the block has not put into it is lost with the old one."""
    temporary = old = None
    try:
        _remove_leftovers(path)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-{os.getpid()}-"))
        yield temporary
        temporary.chmod(0o755)
        if path.exists():
            old = temporary.with_name(f"{temporary.name}-old")
            path.rename(old)
        temporary.rename(path)
        temporary = None
    except OSError as error:
        if old is not None and not path.exists():
            old.rename(path)
        raise PrismganError(
            f"{path}: cannot be written ({error.strerror or error}); what was there before is untouched"
        ) from None
    finally:
        for rest in (temporary, old):
            if rest is not None:
                shutil.rmtree(rest, ignore_errors=True)


def _remove_leftovers(path: Path) -> None:
    """Remove what killed programs left of the same file or folder; an old folder whose place is empty is put back."""
    import psutil

    for left in path.parent.iterdir():
        found = TEMPORARY.fullmatch(left.name)
        if found is None or found["name"] != path.name or psutil.pid_exists(int(found["process"])):
            continue
        if found["old"] and not path.exists():
            left.rename(path)
        elif left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
