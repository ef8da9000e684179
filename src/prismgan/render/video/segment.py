"""Segments: parts of a few seconds of an output, each a file of its own, so that a killed job loses one at most."""

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
from prismgan.errors import PrismganError
from prismgan.files import LOCK, make_folder, new_file, parse_json, replace_file
from prismgan.packages import require
from prismgan.render.video.clip import Clip
from prismgan.render.video.container import PixelArray

HASHED = 1_000_000  # bytes at a file's start that, with its size and time, tell whether it is still the same


@dataclass(frozen=True)
class Record:
    """A finished segment's data beside its pictures."""

    times: list[int]  # of its frames, in the clip's time base
    last: int  # how long its last frame is shown, as far as the file says


class ClipJob:
    """A folder of segments, which are finished once their record and a file for every output exist. Those of another
    ``identity``, that is everything that pictures depend on, are refused."""

    def __init__(self, folder: Path, identity: dict[str, Any], outputs: Sequence[str], *, restart: bool) -> None:
        self.folder, self.outputs = folder, tuple(outputs)
        self.note = folder / "job.json"  # the settings of this job; its file marks the folder as a job's
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
        return next(number for number in count() if self._read(number) is None)

    def segment(self, output: str, number: int) -> Path:
        return self.folder / f"{output}-{number:05}.mp4"

    def last_frame(self, output: str, number: int) -> Path:
        """File of the last frame of an output's segment, from which the next segment goes on."""
        return self.folder / f"{output}-{number:05}.npy"

    def segments(self, output: str) -> list[Path]:
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
        """Delete the folder's content; the note last, so that an interrupted deletion leaves a known job."""
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
            record = Record(**parse_json(self._note(number).read_bytes()))
            numbers = [*record.times, record.last]
            return record if record.times and all(isinstance(each, int) for each in numbers) else None
        except (OSError, ValueError, TypeError):
            return None


def fingerprint(path: Path, *, dated: bool = True) -> dict[str, Any]:
    """The identity of a file: its size, the hash of its start and, if ``dated``, when it was written."""
    with path.open("rb") as file:
        start = hashlib.sha256(file.read(HASHED)).hexdigest()
    found = path.stat()
    return {"bytes": found.st_size, "start": start, **({"written": found.st_mtime_ns} if dated else {})}


CODECS = {"libx264": {"x264-params": "mbtree=0"}, "libx265": {"x265-params": "log-level=none"}}
"""Encoders, and their options beside the quality. x264's macroblock tree depends on the former content of memory (three
versions in 14 runs), and a resumed job has to give what an uninterrupted one gives; so it is off."""
THREADS = 2  # of every encoder, on every machine: its result depends on them
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
            raise PrismganError(f"codec {self.codec!r}: the installed PyAV was built without it; choose another one")
        if not 0 <= self.quality <= WORST_QUALITY:
            raise PrismganError(f"quality {self.quality}: expected a rate factor from 0 (best) to {WORST_QUALITY}")


def even(pixels: PixelArray) -> PixelArray:
    """With even sides, which ``yuv420p`` needs: an odd one gets its last row or column twice."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge") if height % 2 or width % 2 else pixels


def encode_segment(path: Path, frames: Iterable[PixelArray], clip: Clip, encoding: Encoding) -> None:
    """Encode frames (H, W, 3) into one file, at a constant rate: :func:`~prismgan.render.video.join.join` gives them
    their source's times."""
    import av

    frames = iter(frames)
    first = even(next(frames))
    rate = clip.rate.limit_denominator(1001)
    with new_file(path) as file:
        try:
            with av.open(file, "w", format="mp4") as container:
                options = {"crf": str(encoding.quality), **CODECS[encoding.codec]}
                height, width = first.shape[:2]
                stream = container.add_stream(
                    encoding.codec, rate=rate, options=options, width=width, height=height, pix_fmt="yuv420p"
                )
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
            raise PrismganError(
                f"{path}: {encoding.codec} cannot encode frames of {first.shape[1]}x{first.shape[0]} pixels "
                f"({getattr(error, 'strerror', None) or error})"
            ) from None
