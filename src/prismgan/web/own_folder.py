"""The server's own temporary folder: nobody else's, and gone when the server is, even if it was killed."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

if sys.platform != "win32":
    import fcntl

__all__ = ["OwnFolder"]

PREFIX = "prismgan-serve-"
COMPILER_CACHE = "TORCHINDUCTOR_CACHE_DIR"
"""The environment's variable that torch's compiler reads."""
LOCK = "lock"
"""A file that a server holds a lock on as long as it lives. The system lets go of it, however the server ends; a number
of a process would say less, as it is given away again, and another container's is unknown here."""


class OwnFolder:
    """A new folder. Those that killed servers of the same user left behind are removed first."""

    def __init__(self) -> None:
        if sys.platform != "win32":
            for found in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
                _remove_abandoned(found)
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX)
        self.path = Path(self._folder.name)
        new = self.path / "new"
        self._lock = new.open("wb")
        if sys.platform != "win32":
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        new.rename(self.path / LOCK)  # nobody sees it before it is locked
        # A training imports a compiler that makes a folder of its own beside ours, although nothing is compiled.
        os.environ.setdefault(COMPILER_CACHE, str(self.path / "compiler"))

    def close(self) -> None:
        """Remove it, and all that is in it."""
        if Path(os.environ.get(COMPILER_CACHE, "")).is_relative_to(self.path):
            del os.environ[COMPILER_CACHE]
        self._lock.close()
        self._folder.cleanup()


if sys.platform != "win32":

    def _remove_abandoned(folder: Path) -> None:
        lock = _free_lock(folder)
        if lock is not None:
            with lock:
                shutil.rmtree(folder, ignore_errors=True)

    def _free_lock(folder: Path) -> IO[bytes] | None:
        """The folder's lock, taken; None if a server holds it, or if it is no folder that a server of ours made."""
        with suppress(OSError):  # it was removed meanwhile, or may not be read
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                return None
            lock = (folder / LOCK).open("rb")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.close()
                return None
            return lock
        return None
