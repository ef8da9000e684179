"""Atomic writing of files and folders, locks on folders, and JSON."""

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

from prismgan.errors import PrismganError, explained, reason_of

UNTOUCHED = "; the earlier content is unchanged"
LOCK = ".lock"  # name of the lock file in a folder; only the holder of the lock removes it
DEEPEST = 100  # maximum nesting of JSON, far more than our files need
TEMPORARY = re.compile(r"\.(?P<name>.+)-(?P<process>\d+)-[a-z0-9_]{8}(?P<old>-old)?")
"""Names of files and folders that are being written: the final name, and the number of the process."""


def entries(folder: Path) -> list[Path]:
    """The content of a folder, without locks and without partly written files of killed programs."""
    return [path for path in folder.iterdir() if path.name != LOCK and not TEMPORARY.fullmatch(path.name)]


def parse_json(text: str | bytes) -> Any:
    """Like :func:`json.loads`, but also raises ``ValueError`` for nesting deeper than :data:`DEEPEST`."""
    with suppress(RecursionError):
        value = json.loads(text)
        if _depth(value) < DEEPEST:
            return value
    raise ValueError("is nested too deeply")


def _depth(value: Any) -> int:
    """How many lists and objects lie within each other."""
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)


def make_folder(folder: Path) -> None:
    """Create a folder, and those above it."""
    with explained(f"{folder}: cannot be created"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise PrismganError(f"{folder}: already exists and is not a folder; choose another") from None


@contextmanager
def locked(folder: Path, work: str) -> Iterator[None]:
    """Create a folder and lock it until the program ends; PrismganError if such ``work`` is already running there."""
    from filelock import FileLock, Timeout

    make_folder(folder)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise PrismganError(f"{folder}: another {work} is running in this folder; wait, or choose another") from None
    except (OSError, NotImplementedError) as error:
        raise PrismganError(f"{folder}: cannot be locked ({reason_of(error)})") from None
    try:
        yield
    finally:
        with suppress(PermissionError):  # on Windows, for open files: there the lock's file stays
            (folder / LOCK).unlink(missing_ok=True)
        lock.release()


def replace_file(path: Path, content: bytes) -> None:
    """Write a file atomically: a reader, or a crash, sees either the old or the new content."""
    with new_file(path) as file:
        file.write(content)


def write_file(path: Path, content: bytes) -> None:
    """Like :func:`replace_file`, but also create the folders above it."""
    with explained(f"{path}: cannot be written"):
        path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, content)


@contextmanager
def new_file(path: Path) -> Iterator[Any]:
    """A new file that replaces the old one if the block ends without an error. Otherwise the old one stays, for example
    after a :class:`PrismganError` because the disk is full or the folder cannot be written to."""
    with explained(f"{path}: cannot be written"):
        _remove_leftovers(path)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-{os.getpid()}-")
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
        with explained(f"{path}: cannot be written", UNTOUCHED):
            raise failure from None
    finally:
        temporary.unlink(missing_ok=True)


class _Watched(io.FileIO):
    """A file that remembers its write error, because libraries replace it by errors of their own."""

    failure: OSError | None = None

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except OSError as error:
            self.failure = error
            raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Like :func:`new_file`, for a folder. It only contains what the block puts into it."""
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
        raise PrismganError(f"{path}: cannot be written ({error.strerror or error}){UNTOUCHED}") from None
    finally:
        for rest in (temporary, old):
            if rest is not None:
                shutil.rmtree(rest, ignore_errors=True)


def _remove_leftovers(path: Path) -> None:
    """Remove partly written versions left by killed programs; an old folder is restored if no new one replaced it."""
    import psutil

    for left in path.parent.iterdir():
        match = TEMPORARY.fullmatch(left.name)
        if match is None or match["name"] != path.name or psutil.pid_exists(int(match["process"])):
            continue
        if match["old"] and not path.exists():
            left.rename(path)
        elif left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
