"""Rendering pictures from and to object stores and everything else that fsspec supports: ``s3://``, ``memory://``.
Modification times of different stores cannot be compared. A file beside the results therefore records the version of
the picture and the options of each result."""

import glob
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from prismgan.errors import PictureError, PrismganError, reason_of, shortened
from prismgan.files import write_file
from prismgan.images import SUFFIXES
from prismgan.render.files import FileRenderer, Rendered
from prismgan.render.jobs import (
    PictureJob,
    fixed_parts,
    found_pictures,
    place_below,
    refuse_unwritable,
    with_own_folders,
)
from prismgan.render.options import FILE, parsed, plain, written

VERSION = ("ETag", "etag", "mtime", "LastModified", "last_modified", "created")  # properties that identify a version


@dataclass(frozen=True)
class StoredJob:
    """One picture, and the folder for all its outputs; each an address or a path."""

    source: str
    folder: str
    version: str  # changes whenever the picture does


class StoredRenderer:
    """Renders pictures like a :class:`~prismgan.render.files.FileRenderer`, by way of a temporary folder."""

    def __init__(self, renderer: FileRenderer, out: str) -> None:
        self.renderer, self.out = renderer, out

    def waiting(self, jobs: Sequence[StoredJob]) -> list[StoredJob]:
        """The jobs that are not done yet; the store is queried once for all of them."""
        with _reached(self.out, "read") as (files, root):
            there = set(files.find(root))
            manifests = [path for path in there if path.endswith(f"/{FILE}")]
            contents = files.cat(manifests, on_error="omit") if manifests else {}
            kept = {path: parsed(content) for path, content in contents.items()}
            folders = {job: files._strip_protocol(job.folder) for job in jobs}
        return [
            job
            for job, folder in folders.items()
            for known in [kept.get(f"{folder}/{FILE}", {})]
            if not all(f"{folder}/{name}" in there and known.get(name) == each for name, each in self._options(job))
        ]

    def refuse_clashes(self, jobs: Sequence[StoredJob]) -> None:
        """Raise :class:`PictureError` if an output would replace one of the pictures."""
        sources = {_canonical(job.source) for job in jobs}
        for job in jobs:
            for name in self.renderer.options:
                if f"{_canonical(job.folder)}/{name}" in sources:
                    fault = f"its result would replace the picture {job.folder}/{name}"
                    raise PictureError(f"{job.source}: {fault}; choose another folder")

    def render(
        self, jobs: Sequence[StoredJob], progress: Callable[[float], None] = lambda done: None
    ) -> Iterator[Rendered]:
        """Render one picture after the other, like :meth:`~prismgan.render.files.FileRenderer.render`."""
        self.refuse_clashes(jobs)
        for number, job in enumerate(jobs, start=1):
            with tempfile.TemporaryDirectory(prefix="prismgan-") as place:
                yield self._rendered(job, Path(place))
            progress(number)

    def _rendered(self, job: StoredJob, place: Path) -> Rendered:
        here = PictureJob(place / PurePosixPath(job.source).name, place / "results")
        try:
            with _reached(job.source, "read") as (files, path):
                files.get_file(path, str(here.source))
        except PictureError as error:
            return Rendered(job.source, (), str(error))
        (rendered,) = self.renderer.render([here])
        results = {Path(result).name: Path(result).read_bytes() for result in rendered.written}
        manifest = f"{job.folder}/{FILE}"
        kept = parsed(_read(manifest))
        if any(kept.get(name) for name in results):  # so that an interruption leaves no wrong record
            kept |= dict.fromkeys(results)
            write(manifest, written(kept))
        for name, content in results.items():
            write(f"{job.folder}/{name}", content)
        problem = rendered.problem and rendered.problem.replace(str(here.source), job.source)
        if problem is None:
            write(manifest, written({**kept, **dict(self._options(job))}))
        return Rendered(job.source, tuple(f"{job.folder}/{name}" for name in results), problem)

    def _options(self, job: StoredJob) -> Iterator[tuple[str, Any]]:
        """By file name, the options and the source version of an output, in the form that the manifest returns."""
        return ((name, plain({**each, "source": job.version})) for name, each in self.renderer.options.items())


def is_address(text: str) -> bool:
    """Whether the text is an address for fsspec and not a path."""
    return "://" in text


def find_stored_jobs(inputs: Sequence[str], out: str) -> list[StoredJob]:
    """Like :func:`~prismgan.render.jobs.find_jobs`, for addresses and paths."""
    if not is_address(out):
        refuse_unwritable(Path(out))
    out = out.rstrip("/")
    found = (each for given in inputs for each in _found(given, out))
    jobs = (StoredJob(source, f"{out}/{place_below(source, place)}", version) for source, place, version in found)
    return with_own_folders(jobs, _canonical)


def write(address: str, content: bytes) -> None:
    """Write a file atomically, and create the folders above it."""
    with _reached(address, "written") as (files, path):
        if isinstance(files, LocalFileSystem):
            write_file(Path(path), content)
        else:  # in an object store a file appears as a whole, and there are no folders
            files.pipe_file(path, content)


def remove(address: str) -> None:
    """Remove a file, if there is one."""
    with _reached(address, "removed") as (files, path):
        if files.isfile(path):
            files.rm_file(path)


def _read(address: str) -> bytes:
    """A file's content; empty if there is no file."""
    with _reached(address, "read") as (files, path):
        try:
            return bytes(files.cat_file(path))
        except FileNotFoundError:
            return b""


def _found(given: str, out: str) -> Iterator[tuple[str, PurePosixPath, str]]:
    """The pictures that an input names, their places below it, and their versions."""
    if not is_address(given):
        for file, below in found_pictures(given, None if is_address(out) else Path(out)):
            with _reached(str(file), "read") as (files, path):
                yield str(file), PurePosixPath(below), _version(files.info(path))
        return
    with _reached(given, "read") as (files, path):
        pattern = glob.has_magic(path)
        known = files.glob(path, detail=True) if pattern else files.find(path, detail=True)
        single = not pattern and set(known) == {path}
        base = _fixed_part(path) if pattern else files._parent(path) if single else path
        results = f"{_canonical(out)}/"
        facts = {
            PurePosixPath(name[len(base) :].lstrip("/")): each
            for name, each in sorted(known.items())
            if each["type"] == "file" and (single or not files.unstrip_protocol(name).startswith(results))
        }
    folder = _fixed_part(given) if pattern else given.rstrip("/")
    count = 0
    for place, each in facts.items():
        picture = place.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in place.parts)
        if single or picture:
            count += 1
            yield given if single else f"{folder}/{place}", place, _version(each)
    if not count:
        raise PictureError(f"{given}: {'no picture matches' if pattern else 'there is no picture'}")


def _fixed_part(pattern: str) -> str:
    return "/".join(fixed_parts(pattern.split("/")))


def _version(facts: Mapping[str, Any]) -> str:
    known = next((facts[name] for name in VERSION if facts.get(name) is not None), "")
    return f"{facts.get('size')} {str(known).strip(chr(34))}"


def _canonical(address: str) -> str:
    """A canonical form of an address."""
    with _reached(address, "read") as (files, path):
        return str(files.unstrip_protocol(path))


@contextmanager
def _reached(address: str, done: str) -> Iterator[tuple[Any, str]]:
    """The file system of an address, and the path in it; every error of a store becomes one line. A missing file raises
    :class:`PictureError`, anything else :class:`PrismganError`."""
    try:
        files, path = url_to_fs(address)
        files.invalidate_cache()  # so that files written by others are seen
        yield files, path
    except PrismganError:
        raise
    except FileNotFoundError:
        raise PictureError(f"{address}: no such file") from None
    except ImportError as error:
        raise PrismganError(f"{address}: needs another package ({error})") from None
    except Exception as error:  # every store raises different errors, and none documents them
        raise PrismganError(f"{address}: cannot be {done} ({shortened(reason_of(error), 300)})") from None
