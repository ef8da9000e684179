"""Writing files so that nothing is ever left half-written."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from prismgan.errors import PrismganError

__all__ = ["new_file", "new_folder", "replace_file"]


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash, sees the old content or the new, never a part.

    Raises:
        PrismganError: the disk is full, or the folder cannot be written to. The old file is untouched.
    """
    with new_file(path) as file:
        file.write(content)


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its place once the block has ended without an error; until then the old one stays.

    Raises:
        PrismganError: the disk is full, or the folder cannot be written to. The old file is untouched.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    except OSError as error:
        raise PrismganError(f"{path}: cannot be written ({error.strerror or error})") from None
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise PrismganError(
            f"{path}: cannot be written ({error.strerror or error}); what was there before is untouched"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder that takes its place once the block has ended without an error; until then the old one stays.

    What the block has not put into the new folder is lost with the old one.

    Raises:
        PrismganError: the disk is full, or the folder cannot be written to. The old folder is untouched.
    """
    temporary = old = None
    try:
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
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
