"""Segments: a few seconds of an output in a separate file, so that a killed job loses at most one."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np

from prismgan import __version__
from prismgan.errors import PrismganError, reason_of
from prismgan.files import LOCK, make_folder, new_file, parse_json, replace_file
from prismgan.packages import require
from prismgan.render.video.clip import Clip
from prismgan.render.video.container import PixelArray

HASHED = 1_000_000  # bytes at a file's start that, with its size and time, identify its content


@dataclass(frozen=True)
class Record:
    """A finished segment's data apart from its pictures."""

    times: list[int]  # of its frames, in the clip's time base
    last: int  # duration of its last frame, as far as the file gives it


class ClipJob:
    """A folder of segments, which are finished once their record and a file for every output exist. A folder with a
    different ``identity`` (everything that the pictures depend on) is refused."""

    def __init__(self, folder: Path, identity: dict[str, Any], outputs: Sequence[str], *, restart: bool) -> None:
        self.folder, self.outputs = folder, tuple(outputs)
        self.note = folder / "job.json"  # the settings of this job; the file marks the folder as a job's
        described = json.dumps({"version": __version__, **identity}, sort_keys=True)
        # A killed job may leave a hidden, partly written note.
        if not self.note.exists() and any(folder.glob("[!.]*")):
            fault = "is in the way and does not belong to a job"
            raise PrismganError(f"{folder}: {fault}; move it, or choose another folder")
        if restart:
            self._empty()
        make_folder(folder)
        try:
            recorded = self.note.read_text() if self.note.exists() else described
        except (OSError, ValueError):
            recorded = ""
        if recorded != described:
            fault = "holds part of a job with different options, weights or clip"
            cure = "use the same ones to continue it, or --overwrite to start again"
            raise PrismganError(f"{folder}: {fault}; {cure}")
        replace_file(self.note, described.encode())
        self.records: list[Record] = []
        while (record := self._read(len(self.records))) is not None:
            self.records.append(record)

    def finished(self) -> int:
        """Number of segments on disk for all outputs; while a job runs, smaller than the number of records."""
        return next(number for number in count() if self._read(number) is None)

    def segment(self, output: str, number: int) -> Path:
        return self.folder / f"{output}-{number:05}.mp4"

    def last_frame(self, output: str, number: int) -> Path:
        """File of the last frame of an output's segment, from which the next segment continues."""
        return self.folder / f"{output}-{number:05}.npy"

    def segments(self, output: str) -> list[Path]:
        return [self.segment(output, number) for number in range(len(self.records))]

    def add(self, record: Record) -> None:
        """Record the next segment; its files may still be incomplete."""
        replace_file(self._note(len(self.records)), json.dumps(asdict(record)).encode())
        self.records.append(record)

    def remove(self) -> None:
        """Delete the folder, except for a lock, which its holder removes."""
        self._empty()
        with suppress(OSError):
            self.folder.rmdir()

    def _empty(self) -> None:
        """Delete the folder's content; the note last, so that an interrupted deletion leaves a recognisable job."""
        with suppress(OSError):  # it does not exist, or cannot be removed and does no harm
            for path in self.folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                elif path not in (self.note, self.folder / LOCK):
                    path.unlink()
            self.note.unlink()

    @property
    def times(self) -> list[int]:
        """Times of all frames so far."""
        return [time for record in self.records for time in record.times]

    @property
    def end(self) -> int:
        """End of the last frame so far, in the clip's time base."""
        times = self.times
        return times[-1] + (self.records[-1].last or (times[-1] - times[-2] if len(times) > 1 else 1))

    def _note(self, number: int) -> Path:
        return self.folder / f"{number:05}.json"

    def _read(self, number: int) -> Record | None:
        if not all(self.segment(output, number).is_file() for output in self.outputs):
            return None
        try:
            record = Record(**parse_json(self._note(number).read_bytes()))
            numbers = [*record.times, record.last]
            return record if record.times and all(isinstance(each, int) for each in numbers) else None
        except (OSError, ValueError, TypeError):
            return None


def fingerprint(path: Path, *, dated: bool = True) -> dict[str, Any]:
    """The identity of a file: its size, the hash of its start and, if ``dated``, its modification time."""
    with path.open("rb") as file:
        start = hashlib.sha256(file.read(HASHED)).hexdigest()
    status = path.stat()
    return {"bytes": status.st_size, "start": start, **({"written": status.st_mtime_ns} if dated else {})}


CODECS = {"libx264": {"x264-params": "mbtree=0"}, "libx265": {"x265-params": "log-level=none"}}
"""Encoders, and their options beside the quality. x264's macroblock tree is off, because it depends on uninitialised
memory (three different results in 14 runs), and a resumed job has to give the same result as an uninterrupted one."""
THREADS = 2  # of every encoder, on every machine, because its result depends on the number
WORST_QUALITY = 51


@dataclass(frozen=True)
class Encoding:
    """How frames are encoded."""

    codec: str = "libx264"
    quality: int = 18  # the encoder's constant rate factor, 0 to 51; lower is better and larger

    def __post_init__(self) -> None:
        require("clips", "video", "av")
        import av

        if self.codec not in CODECS:
            raise PrismganError(f"codec {self.codec!r}: expected one of {', '.join(CODECS)}")
        if self.codec not in av.codecs_available:
            raise PrismganError(f"codec {self.codec!r}: not supported by the installed PyAV; choose another one")
        if not 0 <= self.quality <= WORST_QUALITY:
            raise PrismganError(f"quality {self.quality}: expected a rate factor from 0 (best) to {WORST_QUALITY}")


def even(pixels: PixelArray) -> PixelArray:
    """The frame with even sides, which ``yuv420p`` needs: the last row or column of an odd side is doubled."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge") if height % 2 or width % 2 else pixels


def encode_segment(path: Path, frames: Iterable[PixelArray], clip: Clip, encoding: Encoding) -> None:
    """Encode frames (H, W, 3) into one file, at a constant rate; :func:`join` later sets the source's times."""
    import av

    frames = iter(frames)
    first = even(next(frames))
    rate = clip.rate.limit_denominator(1001)
    with new_file(path) as file:
        try:
            with av.open(file, "w", format="mp4") as container:
                options = {"crf": str(encoding.quality), **CODECS[encoding.codec]}
                layout = {"height": first.shape[0], "width": first.shape[1], "pix_fmt": "yuv420p"}
                stream = container.add_stream(encoding.codec, rate=rate, options=options, **layout)
                encoder = stream.codec_context
                encoder.thread_count = THREADS
                encoder.time_base = 1 / rate
                if clip.shape is not None:
                    encoder.sample_aspect_ratio = clip.shape
                clip.colours.tag(encoder)
                for number, pixels in enumerate(chain([first], frames)):
                    frame = clip.colours.to_yuv(even(pixels))
                    frame.pts, frame.time_base = number, 1 / rate
                    container.mux(stream.encode(frame))
                container.mux(stream.encode())
        except av.FFmpegError as error:
            if isinstance(error, OSError):  # the disk's, not the encoder's
                raise
            failed = f"{encoding.codec} cannot encode frames of {first.shape[1]}x{first.shape[0]} pixels"
            raise PrismganError(f"{path}: {failed} ({reason_of(error)})") from None
