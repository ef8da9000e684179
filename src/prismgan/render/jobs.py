"""Finds the pictures to render, and the folders for their results."""

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from prismgan import images
from prismgan.errors import PictureError, PrismganError, explained


@dataclass(frozen=True)
class PictureJob:
    """One picture, and the folder for all its outputs."""

    source: Path
    folder: Path


def find_jobs(inputs: Iterable[str | Path], out: Path) -> list[PictureJob]:
    """Files, folders and glob patterns turned into jobs; nothing is opened yet.

    A file ``a.jpg`` goes to ``out/a``. Pictures in a folder, or that match a pattern, keep their place below the
    folder, or below the part of the pattern without ``*?[``: ``photos/**/*.jpg`` puts ``photos/x/a.jpg`` into
    ``out/x/a``. Hidden files and files in ``out`` are skipped; a file that is named twice is rendered once.

    Raises PrismganError if an input names no picture, two pictures share a folder, or a folder cannot be created."""
    refuse_unwritable(out)
    jobs = []
    for given in inputs:
        # For example a folder without permission, or a name that is too long.
        with explained(f"{given}: cannot be accessed", kind=PictureError):
            found = found_pictures(given, out)
            jobs += [PictureJob(source, results_folder(source, place, out)) for source, place in found]
    return with_own_folders(jobs, Path.resolve)


def with_own_folders(jobs: Iterable[Any], identity: Callable[[Any], object]) -> list[Any]:
    """The jobs, each once. Raises PictureError if two sources, which differ in their ``identity``, have one folder."""
    first: dict[object, Any] = {}
    for job in jobs:
        other = first.setdefault(job.folder, job)
        if identity(other.source) != identity(job.source):
            fault = f"would use the same folder {job.folder} as {other.source}"
            raise PictureError(f"{job.source}: {fault}; render one of them elsewhere")
    return list(first.values())


def is_made_of(result: Path, source: Path) -> bool:
    """Whether a result exists and is not older than its source."""
    return result.is_file() and result.stat().st_mtime_ns >= source.stat().st_mtime_ns


def found_pictures(given: str | Path, out: Path | None) -> Iterator[tuple[Path, Path]]:
    """The pictures that an input names, at least one, with their places below it; those in ``out`` are results."""
    path, beside = Path(given), f" beside those in {out}, which are results; write to another folder to render them"
    if not str(given):
        raise PictureError("a picture's name is empty; name a picture, a folder, or . for the current folder")
    if path.is_dir():
        files, base = [file for file in images.find_pictures(path) if not _below(file, out)], path
        if not files:
            raise PictureError(f"{path}: holds no picture{beside}")
    elif path.exists():
        files, base = [path], path.parent
    elif glob.has_magic(str(given)):
        fixed = fixed_parts(path.parts)
        if ".." in path.parts[len(fixed) :]:
            fault = "'..' after a wildcard leads out of the results' folder"
            raise PictureError(f"{path}: {fault}; put it before the wildcard")
        base = Path(*fixed)
        # Path.glob would include hidden files, and the meaning of a final "**" depends on the Python version.
        matches = (Path(match) for match in glob.iglob(str(given), recursive=True))  # noqa: PTH207
        pictures = set(filter(images.is_picture, matches))
        files = sorted(match for match in pictures if not _below(match, out))
        if not files:
            raise PictureError(f"{given}: no picture matches{beside if pictures else ''}")
    else:
        raise images.missing(path)
    for file in files:
        yield file, file.relative_to(base)


def results_folder(source: Path, place: Path, out: Path) -> Path:
    """The folder for the results of a source, at the same place below ``out``; an error if a file has that name."""
    folder = out / place_below(source, place)
    if folder.exists() and not folder.is_dir():
        raise PictureError(f"{source}: its results' folder would be {folder}, which is a file; choose another folder")
    return folder


def place_below(source: object, place: PurePath) -> PurePath:
    """The place of a source's results below the folder of all results."""
    if place.stem in ("", ".", "..") or ".." in place.parts:
        raise PictureError(f"{source}: the name gives no folder for its results; rename the file")
    return place.parent / place.stem


def fixed_parts(pattern: Sequence[str]) -> Sequence[str]:
    """The parts of a pattern up to the first with a wildcard."""
    return pattern[: next(number for number, part in enumerate(pattern) if glob.has_magic(part))]


def _below(file: Path, folder: Path | None) -> bool:
    return folder is not None and file.resolve().is_relative_to(folder.resolve())


def refuse_unwritable(out: Path) -> None:
    """Raise before rendering if the folder is a file or cannot be written to."""
    with explained(f"{out}: cannot be created", "; choose another folder"):
        place = next(each for each in (out, *out.absolute().parents) if each.exists() or each.is_symlink())
    if not place.is_dir():
        what = "a file" if place.exists() else "a broken link"
        if place == out:
            raise PrismganError(f"{out}: is {what}, expected a folder for the results")
        raise PrismganError(f"{out}: cannot be created, because {place} is {what}")
    if not os.access(place, os.W_OK | os.X_OK):
        raise PrismganError(f"{out}: cannot be written to (Permission denied, or a read-only disk)")
