"""Manifests: files that list pictures, one in a row, with their targets, splits and collections; and problems of data.

A manifest is CSV with a header, or JSON lines (``.jsonl``, ``.ndjson``). The columns ``picture`` (required),
``source``, ``split``, ``collection`` and ``view`` have a meaning of their own; any other column holds the
targets of a paired task. An empty cell, a missing key and null all say that the row has no such thing.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prismgan.errors import nearest
from prismgan.files import parse_json


@dataclass(frozen=True)
class Problem:
    """What is wrong, where, and what to do about it; one line as a string."""

    where: str
    """A picture, a manifest with its line, a task, or ``data``."""
    what: str
    fix: str
    severity: Literal["error", "warning"] = "error"
    """An error is a fault of the data; a warning is for information."""
    skippable: bool = False
    """An error that training can go on without: the picture is left out, and named."""

    @property
    def fatal(self) -> bool:
        """Whether training must not start with it."""
        return self.severity == "error" and not self.skippable

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.fix}"


RESERVED = ("picture", "source", "split", "collection", "view")
JSON_SUFFIXES = (".jsonl", ".ndjson")
SPLITS = ("train", "test")


@dataclass(frozen=True)
class Record:
    """One good row, with the manifest's own spelling of paths."""

    line: int
    cells: Mapping[str, str]
    """Cells that are not empty, by column; `picture` is among them."""

    @property
    def targets(self) -> dict[str, str]:
        """Target pictures by column."""
        return {column: cell for column, cell in self.cells.items() if column not in RESERVED}


Line = tuple[int, dict[str, str]]


def read(path: Path) -> tuple[list[Record], list[Problem]]:
    """All good rows of a manifest, and all that is wrong with the others. Raises nothing."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return [], [Problem(f"{path}, line {line}", "is not UTF-8 text", "save the manifest as UTF-8")]
    except OSError as error:
        return [], [Problem(str(path), f"cannot be read ({error.strerror or error})", "correct the manifest's path")]
    parse = _json_lines if path.suffix.lower() in JSON_SUFFIXES else _csv_lines
    records: list[Record] = []
    problems: list[Problem] = []
    for found in parse(path, text):
        problem = found if isinstance(found, Problem) else _problem_in(path, found)
        if problem is not None:
            problems.append(problem)
        elif isinstance(found, tuple):
            records.append(Record(*found))
    if not records and not problems:
        problems.append(Problem(str(path), "lists no picture", "add a row for every picture"))
    return records, problems


def _problem_in(path: Path, line: Line) -> Problem | None:
    number, cells = line
    where = f"{path}, line {number}"
    if "picture" not in cells:
        return Problem(where, "names no picture", "fill in 'picture', or delete the row")
    split = cells.get("split", "train")
    if split not in SPLITS:
        return Problem(where, f"unknown split {split!r}{nearest(split, SPLITS)}", "use train, test, or nothing")
    return None


def _csv_lines(path: Path, text: str) -> Iterator[Line | Problem]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    try:
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if header is None:
                header = cells
                if problem := _header_problem(where, header):
                    yield problem
                    return
            elif len(cells) != len(header):
                what = f"has {len(cells)} cells where the header has {len(header)}"
                yield Problem(where, what, "put cells that contain commas into double quotes")
            else:
                named = zip(header, cells, strict=True)
                yield reader.line_num, {column: cell for column, cell in named if column and cell}
    except csv.Error as error:
        yield Problem(f"{path}, line {reader.line_num}", f"is not CSV ({error})", "correct the quotes")


def _header_problem(where: str, header: list[str]) -> Problem | None:
    if "picture" not in header:
        found = ", ".join(repr(column) for column in header)
        return Problem(where, f"has no column 'picture' (found {found})", "name the photos' column 'picture'")
    twice = sorted({column for column in header if column and header.count(column) > 1})
    if twice:
        return Problem(where, f"has the column {twice[0]!r} twice", "rename one of the two")
    return None


def _json_lines(path: Path, text: str) -> Iterator[Line | Problem]:
    for number, line in enumerate(text.split("\n"), start=1):
        where = f"{path}, line {number}"
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except json.JSONDecodeError as error:
            yield Problem(where, f"is not JSON ({error.msg} at column {error.colno})", "write one object a line")
            continue
        except ValueError as error:
            yield Problem(where, f"cannot be read ({error})", "write one object a line")
            continue
        if not isinstance(row, dict):
            yield Problem(where, f"is a JSON {type(row).__name__}, expected an object", "write one object a line")
            continue
        wrong = [key for key, value in row.items() if not isinstance(value, str | None)]
        if wrong:
            kind = type(row[wrong[0]]).__name__
            yield Problem(where, f"{wrong[0]!r} is a JSON {kind}", "use a text (a path or a name) or null")
            continue
        yield number, {key: value.strip() for key, value in row.items() if value and value.strip()}
