"""A job's folder: its settings and its finished segments, so that a killed job can be resumed."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prismgan import __version__
from prismgan.errors import PrismganError
from prismgan.files import LOCK, make_folder, replace_file

__all__ = ["ClipJob", "Record", "fingerprint"]

HASHED = 1_000_000
"""Bytes at a file's start that, with its size and time, tell whether it is still the same."""


@dataclass(frozen=True)
class Record:
    """A finished segment's data beside its pictures."""

    times: list[int]
    """Of its frames, in the clip's time base."""
    last: int
    """How long its last frame is shown, as far as the file says."""


class ClipJob:
    """A folder of segments.

    A segment is finished once its record and a file for every output exist; each of them appears as a whole.

    Args:
        folder: for the segments; made if there is none.
        identity: everything that the pictures depend on.
        outputs: names of the outputs.
        restart: delete existing segments.

    Raises:
        PrismganError: the folder cannot be made, or holds segments of a job with another identity, or other files.
    """

    def __init__(self, folder: Path, identity: dict[str, Any], outputs: Sequence[str], *, restart: bool) -> None:
        self.folder, self.outputs = folder, tuple(outputs)
        self.note = folder / "job.json"
        """The settings of this job; its file marks the folder as a job's."""
        described = json.dumps({"version": __version__, **identity}, sort_keys=True)
        # A killed job may leave a hidden part of a note.
        if not self.note.exists() and (folder.is_file() or any(folder.glob("[!.]*"))):
            raise PrismganError(f"{folder}: is in the way, since no job has made it; move it, or write elsewhere")
        if restart:
            self._empty()
        make_folder(folder)
        try:
            found = self.note.read_text() if self.note.exists() else described
        except (OSError, ValueError):
            found = ""
        if found != described:
            raise PrismganError(
                f"{folder}: holds a part of a job with other options, weights or another clip; give the same again to "
                "go on with it, or --overwrite to start anew"
            )
        replace_file(self.note, described.encode())
        self.records: list[Record] = []
        while (record := self._read(len(self.records))) is not None:
            self.records.append(record)

    def finished(self) -> int:
        """How many segments are on the disk, for all outputs; while a job runs, fewer than there are records."""
        return next(number for number in itertools.count() if self._read(number) is None)

    def segment(self, output: str, number: int) -> Path:
        """File of an output's segment."""
        return self.folder / f"{output}-{number:05}.mp4"

    def last_frame(self, output: str, number: int) -> Path:
        """File of the last frame of an output's segment, from which the next segment goes on."""
        return self.folder / f"{output}-{number:05}.npy"

    def segments(self, output: str) -> list[Path]:
        """Files of an output's finished segments."""
        return [self.segment(output, number) for number in range(len(self.records))]

    def add(self, record: Record) -> None:
        """Remember the next segment; its files may still be being written."""
        replace_file(self._note(len(self.records)), json.dumps(asdict(record)).encode())
        self.records.append(record)

    def remove(self) -> None:
        """Delete the folder; but for a lock, which whoever holds it removes."""
        self._empty()
        with suppress(OSError):
            self.folder.rmdir()

    def _empty(self) -> None:
        """Delete what is in the folder; the note last, so that what is left is still known as a job's if this is
        interrupted."""
        with suppress(OSError):  # there is nothing, or it cannot be removed: then it is in nobody's way
            for path in self.folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                elif path not in (self.note, self.folder / LOCK):
                    path.unlink()
            self.note.unlink()

    @property
    def times(self) -> list[int]:
        """Of all frames so far."""
        return [time for record in self.records for time in record.times]

    @property
    def end(self) -> int:
        """When the last frame so far is over, in the clip's time base."""
        times = self.times
        return times[-1] + (self.records[-1].last or (times[-1] - times[-2] if len(times) > 1 else 1))

    def _note(self, number: int) -> Path:
        return self.folder / f"{number:05}.json"

    def _read(self, number: int) -> Record | None:
        if not all(self.segment(output, number).is_file() for output in self.outputs):
            return None
        try:
            return Record(**json.loads(self._note(number).read_text()))
        except (OSError, ValueError, TypeError):
            return None


def fingerprint(path: Path, *, dated: bool = True) -> dict[str, Any]:
    """The identity of a file: its size, the hash of its start and, if ``dated``, when it was written."""
    with path.open("rb") as file:
        start = hashlib.sha256(file.read(HASHED)).hexdigest()
    found = path.stat()
    return {"bytes": found.st_size, "start": start, **({"written": found.st_mtime_ns} if dated else {})}
