"""The sources of a recipe's pictures (folders, manifests, built-in collections), and the choice of test pictures."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from prismgan import images
from prismgan.config import Config, Reference, located
from prismgan.data import builtin, manifest
from prismgan.data.manifest import Problem
from prismgan.errors import DataError, PrismganError
from prismgan.tasks import PictureName

ORIGINS = ("folder", "folders", "manifest", "builtin")


class SourceEntry(Config):
    """One source of pictures: exactly one of folder, folders, manifest and builtin."""

    folder: Reference | None = None
    """A folder; all pictures below it are used."""
    folders: tuple[Reference, ...] | None = None
    """Several folders."""
    manifest: Reference | None = None
    """A CSV or JSON-lines file with a row for every picture."""
    builtin: str | None = None
    """A built-in picture or collection, for example `photos`. `graphics` draws new text, patterns, charts and user
    interfaces for every row, for tasks whose target is the picture itself."""
    collection: str | None = None
    """Name of the source in counts and reports; by default that of the folder or file."""
    root: Reference | None = None
    """For a manifest: the folder that its relative paths are relative to; by default the manifest's own."""
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of all training rows that come from this source; sources without one divide the rest in proportion to their
    numbers of pictures."""
    weights: dict[str, Annotated[float, Field(ge=0)]] | None = None
    """How often pictures are drawn relative to the others of this source, by patterns for their names, for example
    `{"portrait_*": 0.3}`. The first matching pattern counts; other pictures have weight 1."""
    clean: Annotated[float, Field(ge=0, le=1)] | None = None
    """Probability of leaving a picture of this source clean; by default `degradation.clean`."""

    @model_validator(mode="after")
    def _name_one_origin(self) -> Self:
        named = [origin for origin in ORIGINS if getattr(self, origin)]
        if len(named) != 1:
            given = " and ".join(named) or "none"
            raise ValueError(f"name exactly one of {', '.join(ORIGINS)} (found {given})")
        if self.root is not None and self.manifest is None:
            raise ValueError("'root' belongs to a manifest: delete it")
        return self


class DataConfig(Config):
    """The pictures of a recipe."""

    train: Annotated[tuple[SourceEntry, ...], Field(min_length=1)]
    """Sources of the training pictures."""
    test: tuple[SourceEntry, ...] = ()
    """Sources of the test pictures; by default some of the training pictures are reserved for testing."""
    test_fraction: Annotated[float, Field(ge=0, le=0.9)] = 0.1
    """Fraction reserved for testing, if neither `test` nor a manifest specifies the test pictures."""
    workers: Annotated[int, Field(ge=0, le=64)] = 1
    """Processes that prepare batches; 0 prepares them in the training process."""
    cache_mb: Annotated[int, Field(ge=0)] = 2048
    """Memory for decoded pictures in megabytes."""

    @model_validator(mode="after")
    def _shares_leave_something(self) -> Self:
        shares = [entry.share for entry in self.train if entry.share is not None]
        if sum(shares) > 1 or (sum(shares) == 1 and len(shares) < len(self.train)):
            raise ValueError(f"the shares of 'train' add up to {sum(shares):g} and leave nothing; reduce some of them")
        if any(entry.share is not None or entry.weights for entry in self.test):
            rule = "'share' and 'weights' are only for 'train', because every test picture is used once"
            raise ValueError(f"{rule}: delete them")
        return self


@dataclass(frozen=True)
class Row:
    """One photo with its source and targets."""

    picture: PictureName  # the clean photo
    source: PictureName | None = None  # a really degraded version of the photo; None if prismgan degrades it
    targets: Mapping[str, PictureName] = field(default_factory=dict)  # targets of paired tasks, by column
    split: str | None = None  # `train` or `test`; None if not specified
    collection: str = ""  # name of its source
    key: str = ""  # its name within its source, independent of the data's location
    weight: float = 1.0  # how often it is drawn in training relative to the others
    clean: float | None = None  # probability of leaving it clean; None for that of the degradation

    @property
    def drawn(self) -> bool:
        """Whether it represents graphics, which are drawn for every sample."""
        return self.picture == builtin.GRAPHICS


def rows(config: DataConfig) -> list[Row]:
    """All rows of all sources, in order, without opening a picture; DataError with the first problem of a source."""
    rows, problems = inspect(config)
    if problems:
        more = f" (and {len(problems) - 1} more: run `prismgan data check`)" if len(problems) > 1 else ""
        raise DataError(f"{problems[0]}{more}")
    return rows


def inspect(config: DataConfig) -> tuple[list[Row], list[Problem]]:
    """All valid rows, and the problems of the others. Raises nothing."""
    problems: list[Problem] = []
    groups: list[tuple[SourceEntry, list[Row]]] = []
    for entry in config.train:
        group = list(_entry_rows(entry, problems))
        problems += _idle_patterns(entry, group)
        groups.append((entry, group))
    rows = list(_weighed(groups))
    for entry in config.test:
        for row in _entry_rows(entry, problems):
            if row.split == "train":
                what = f"{row.key}: is marked as split=train, but the manifest is listed under 'test'"
                problems.append(Problem(str(entry.manifest), what, "list the manifest only under 'train'"))
            else:
                rows.append(replace(row, split="test"))
    return rows, problems


def _idle_patterns(entry: SourceEntry, group: Sequence[Row]) -> Iterator[Problem]:
    for pattern in entry.weights or {}:
        if group and not any(fnmatchcase(row.key, pattern) for row in group):
            example = group[0].key
            what = f"the pattern {pattern!r} of 'weights' matches none of {len(group)} pictures (for example {example})"
            yield Problem(f"data, {group[0].collection}", what, "correct or delete it")


def _weighed(groups: Iterable[tuple[SourceEntry, Sequence[Row]]]) -> Iterator[Row]:
    """The rows of all sources, with the weights that follow from their patterns and shares."""
    weighed = []
    for entry, group in groups:
        patterns = (entry.weights or {}).items()
        weights = [next((w for p, w in patterns if fnmatchcase(row.key, p)), 1.0) for row in group]
        weighed.append((entry, group, weights))
    free = sum(sum(weights) for entry, _, weights in weighed if entry.share is None) or 1.0
    left = 1.0 - sum(entry.share or 0.0 for entry, _, _ in weighed)
    for entry, group, weights in weighed:
        factor = 1.0
        if entry.share is not None and sum(weights) > 0:
            factor = entry.share / (left if left > 0 else 1.0) * free / sum(weights)
        for row, weight in zip(group, weights, strict=True):
            yield replace(row, weight=weight * factor, clean=entry.clean)


def _entry_rows(entry: SourceEntry, problems: list[Problem]) -> Iterator[Row]:
    """The rows of one source; its problems are added to ``problems``."""
    if entry.manifest is not None:
        yield from _manifest_rows(entry, Path(entry.manifest), problems)
    elif entry.builtin is not None:
        name = entry.builtin.removeprefix(builtin.PREFIX)
        try:
            for member in builtin.expand(builtin.PREFIX + name):
                yield Row(member, collection=entry.collection or name, key=member)
        except DataError as error:
            problems.append(Problem("data", str(error), "correct the name"))
        except PrismganError as error:  # its package is not installed
            what, fix = str(error).rsplit("; ", 1)
            problems.append(Problem("data", what, fix))
    for folder in map(Path, entry.folders or ([] if entry.folder is None else [entry.folder])):
        try:
            for path in images.find_pictures(folder):
                key = path.relative_to(folder).as_posix()
                yield Row(str(path), collection=entry.collection or folder.name, key=key)
        except PrismganError as error:
            what = str(error).removeprefix(f"{folder}: ")
            problems.append(Problem(str(folder), what, "correct the path, or put pictures there"))


def _manifest_rows(entry: SourceEntry, path: Path, problems: list[Problem]) -> Iterator[Row]:
    root = path.parent if entry.root is None else Path(entry.root)
    listed, wrong = manifest.read(path)
    problems += wrong
    for cells in listed:
        views = [cells[column] for column in ("collection", "view") if column in cells]
        collection = "/".join(views) or entry.collection or path.stem
        source = located(cells["source"], root) if "source" in cells else None
        targets = {column: located(cell, root) for column, cell in cells.items() if column not in manifest.RESERVED}
        picture = located(cells["picture"], root)
        yield Row(picture, source, targets, cells.get("split"), collection, key=cells["picture"])


def split(rows: Sequence[Row], config: DataConfig) -> tuple[list[Row], list[Row]]:
    """Rows for training and rows for testing; DataError if no training rows are left. If the test pictures are not
    specified, a hash of each picture's name decides, independently of the data's location, order or later additions."""
    if any(row.split == "test" for row in rows) or config.test or config.test_fraction == 0:
        test = [row for row in rows if row.split == "test"]
        train = [row for row in rows if row.split != "test"]
    else:
        kept = _kept_for_testing(rows, config.test_fraction)
        test = [row for row in rows if row.picture in kept]
        train = [row for row in rows if row.picture not in kept]
    if not train:
        raise DataError("data: no picture is left to train on; add some to 'train', or unmark split=test")
    return train, test


def _kept_for_testing(rows: Sequence[Row], fraction: float) -> set[PictureName]:
    """Pictures reserved for testing: about ``fraction`` of all; at least one and not all, if there are two or more."""

    def chance(row: Row) -> float:
        name = f"{row.collection}/{row.key or row.picture}"
        return math.ldexp(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"), -64)

    forced = {row.picture for row in rows if row.split == "train"}
    chances = {row.picture: chance(row) for row in rows if row.picture not in forced and not row.drawn}
    ranked = sorted(chances, key=chances.__getitem__)
    most = len(ranked) if forced else len(ranked) - 1
    count = sum(value < fraction for value in chances.values())
    return set(ranked[: min(max(count, 1), max(most, 0))])
