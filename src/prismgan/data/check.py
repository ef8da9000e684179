"""Finds all problems with the data of a recipe at once, before a training starts."""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from prismgan.data import builtin, pictures
from prismgan.data.manifest import Problem
from prismgan.data.pictures import shown_pictures
from prismgan.data.scene import companions, largest_scale
from prismgan.data.sources import DataConfig, Row, inspect, split
from prismgan.errors import DataError, PrismganError, nearest
from prismgan.images import MINIMUM_SIDE
from prismgan.tasks import Exemplar, Paired, PictureName, Task

SHORTEST_EXEMPLAR = 32  # minimum shorter side in pixels of an exemplar after resizing


@dataclass(frozen=True)
class Count:
    collection: str
    split: str  # `train` or `test`
    rows: int
    targets: dict[str, int]  # for every task with pairs, the number of rows that have a target


@dataclass(frozen=True)
class _Examined:
    size: tuple[int, int] | None  # height and width; None if it cannot be read
    reason: str  # why it cannot be read
    digest: str  # the same for files with the same content


Examined = Mapping[PictureName, _Examined]
Shown = Mapping[str, tuple[PictureName, ...]]  # by task, the pictures that define its style or domain


def check(data: DataConfig, tasks: Sequence[Task], crop: int) -> list[Problem]:
    """All problems of the data, whose paths are absolute, with these tasks. Every picture is decoded; problems are
    returned, not raised. ``crop`` is the side of the training crops in pixels of the source."""
    rows, problems = inspect(data)
    shown: dict[str, tuple[PictureName, ...]] = {}
    for task in tasks:
        try:
            shown[task.name] = shown_pictures(task)
        except PrismganError as error:
            problems.append(Problem(f"task {task.name!r}", str(error), "correct the task's pictures"))
    try:
        train, test = split(rows, data)
    except DataError as error:
        train, test = [], [row for row in rows if row.split == "test"]
        if not problems:
            problems.append(Problem("data", str(error).removeprefix("data: "), "see the recipe's 'data'"))
    asked = [row.picture for row in rows]
    asked += [each.picture for row in rows for each in companions(row, tasks)]
    asked += [picture for several in shown.values() for picture in several]
    unique = list(dict.fromkeys(asked))
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        examined = dict(zip(unique, pool.map(_examine, unique), strict=True))

    exemplars = {picture for task in tasks if task.exemplars for picture in shown.get(task.name, ())}
    problems += _unreadable(examined, shown, exemplars)
    fatal = {problem.where for problem in problems if problem.fatal}
    problems += _nothing_left(train, test, shown, examined, fatal)
    problems += _shown_sizes(tasks, shown, examined)
    problems += _sizes(rows, tasks, examined)
    problems += _columns(train, test, tasks)
    problems += _repeated(train, test, examined)
    problems += _enlarged(train, crop * largest_scale(tasks), examined)
    return problems


def validate(data: DataConfig, tasks: Sequence[Task], crop: int) -> list[Problem]:
    """The problems of :func:`check` that do not prevent training; DataError lists all others."""
    problems = check(data, tasks, crop)
    if fatal := [str(problem) for problem in problems if problem.fatal]:
        raise DataError(*fatal)
    return problems


def summary(train: Sequence[Row], test: Sequence[Row], tasks: Sequence[Task]) -> list[Count]:
    """Numbers of rows and targets of every collection in every split, in the rows' order."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for name, several in (("train", train), ("test", test)):
        for row in several:
            groups[row.collection, name].append(row)

    def targets(task: Task, several: Sequence[Row]) -> int:
        return sum(not isinstance(task.target, Paired) or task.target.column in row.targets for row in several)

    paired = [task for task in tasks if task.has_pairs]
    return [Count(*key, len(rows), {task.name: targets(task, rows) for task in paired}) for key, rows in groups.items()]


def _examine(picture: PictureName) -> _Examined:
    try:
        pixels = pictures.load(picture)
        content = picture.encode() if builtin.is_builtin(picture) else Path(picture).read_bytes()
    except (PrismganError, OSError) as error:
        return _Examined(None, str(error).removeprefix(f"{picture}: "), "")
    return _Examined((pixels.shape[1], pixels.shape[2]), "", hashlib.sha256(content).hexdigest())


def _unreadable(examined: Examined, shown: Shown, exemplars: set[PictureName]) -> Iterator[Problem]:
    users = {picture: task for task, several in shown.items() for picture in several}
    for picture, seen in examined.items():
        if seen.size is None:
            user = f" (a picture of task {users[picture]!r})" if picture in users else ""
            # Losses are built from all exemplars, so a missing one is a mistake in the recipe.
            missing = picture in users and not builtin.is_builtin(picture) and not Path(picture).exists()
            skippable = picture not in exemplars and not missing
            yield Problem(picture, f"{seen.reason}{user}", "replace the picture, or leave it out", skippable=skippable)


def _nothing_left(
    train: Sequence[Row], test: Sequence[Row], shown: Shown, examined: Examined, named: set[str]
) -> Iterator[Problem]:
    """Groups of pictures none of which can be read. ``named`` are pictures that are already fatal problems."""
    groups = {"training pictures": [row.picture for row in train], "test pictures": [row.picture for row in test]}
    groups |= {f"pictures of task {task!r}": list(several) for task, several in shown.items()}
    for name, several in groups.items():
        if several and all(examined[picture].size is None and picture not in named for picture in several):
            yield Problem("data", f"none of the {len(several)} {name} can be read", "replace them")


def _shown_sizes(tasks: Sequence[Task], shown: Shown, examined: Examined) -> Iterator[Problem]:
    """Pictures that are too small to define a style or a domain."""
    for task in tasks:
        for picture in shown.get(task.name, ()):
            size = examined[picture].size
            if size is None:
                continue
            factor = task.target.size / max(size) if isinstance(task.target, Exemplar) else 1.0
            shorter, needed = min(size) * factor, SHORTEST_EXEMPLAR if factor != 1.0 else MINIMUM_SIDE
            if min(size) < MINIMUM_SIDE or shorter < needed:
                what = f"has {size[1]}x{size[0]} pixels, too small or too narrow for task {task.name!r}"
                yield Problem(picture, what, "use another picture")


def _sizes(rows: Sequence[Row], tasks: Sequence[Task], examined: Examined) -> Iterator[Problem]:
    largest = largest_scale(tasks)
    needed = MINIMUM_SIDE * largest
    for picture in dict.fromkeys(row.picture for row in rows):
        size = examined[picture].size
        if size is not None and min(size) < needed:
            what = f"has {size[1]}x{size[0]} pixels, expected at least {needed} on each side"
            yield Problem(picture, what, "leave it out")
    for row in rows:
        photo = examined[row.picture].size
        for each in companions(row, tasks):
            size = examined[each.picture].size
            if photo and size and (wrong := each.misfit(size, row, photo, largest)):
                yield Problem(each.picture, wrong, "resize it, or leave it out")


def _columns(train: Sequence[Row], test: Sequence[Row], tasks: Sequence[Task]) -> Iterator[Problem]:
    trained = Counter(column for row in train for column in row.targets)
    tested = Counter(column for row in test for column in row.targets)
    asked = {task.target.column: task.name for task in tasks if isinstance(task.target, Paired)}
    for column in dict.fromkeys([*trained, *tested]):
        if column not in asked:
            example = next(row for row in [*train, *test] if column in row.targets)
            what = f"has targets (for example of {example.key or example.picture}), but no task uses them"
            fix = f"add a paired task with column: {column}{nearest(column, asked)}, or delete the column"
            yield Problem(f"column {column!r}", what, fix)
    for column, task in asked.items():
        if trained[column] == 0:
            where = "no row at all" if tested[column] == 0 else "test rows alone, no training row,"
            what = f"has no targets: {where} has one in column {column!r}{nearest(column, trained)}"
            yield Problem(f"task {task!r}", what, "fill in the column, or delete the task")


def _repeated(train: Sequence[Row], test: Sequence[Row], examined: Examined) -> Iterator[Problem]:
    first: dict[str, PictureName] = {}
    for picture in dict.fromkeys(row.picture for row in train):
        digest = examined[picture].digest
        if digest and digest in first:
            what = f"is the same picture as {first[digest]}"
            yield Problem(picture, what, "leave one out, or accept that it counts twice", "warning")
        elif digest:
            first[digest] = picture
    for picture in dict.fromkeys(row.picture for row in test):
        digest = examined[picture].digest
        if digest in first:
            same = "" if first[digest] == picture else f", there as {first[digest]}"
            what = f"is for testing, but also among the training pictures{same}"
            yield Problem(picture, what, "remove it from one of the two")


def _enlarged(train: Sequence[Row], side: int, examined: Examined) -> Iterator[Problem]:
    sizes = {row.picture: examined[row.picture].size for row in train}
    small = [picture for picture, size in sizes.items() if size is not None and min(size) < side]
    if small:
        what = f"{len(small)} of {len(sizes)} training pictures have a side below {side} pixels ({small[0]})"
        yield Problem("data", what, "they will be enlarged; use a smaller crop if that matters", "warning")
