"""Manifests: CSV with a header, or JSON lines (``.jsonl``, ``.ndjson``), with a row for every picture. The columns
``picture`` (required), ``source``, ``split``, ``collection`` and ``view`` are predefined; any other column contains the
targets of a paired task. Empty cells, missing keys and null mean that the row has no such value."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prismgan.errors import nearest
from prismgan.files import parse_json


@dataclass(frozen=True)
class Problem:
    """What is wrong, where, and what to do about it; one line as a string."""

    where: str  # a picture, a manifest with its line, a task, or `data`
    what: str
    fix: str
    severity: Literal["error", "warning"] = "error"  # an error is a fault of the data; a warning is for information
    skippable: bool = False  # whether training can continue by skipping, and reporting, the picture

    @property
    def fatal(self) -> bool:
        """Whether training must not start with it."""
        return self.severity == "error" and not self.skippable

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.fix}"


RESERVED = ("picture", "source", "split", "collection", "view")
JSON_SUFFIXES = (".jsonl", ".ndjson")
SPLITS = ("train", "test")

Line = tuple[int, dict[str, str]]  # a row's number, and its cells that are not empty, by column


def read(path: Path) -> tuple[list[dict[str, str]], list[Problem]]:
    """The cells of all valid rows of a manifest, with paths as written, and the problems of the others."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return [], [Problem(f"{path}, line {line}", "is not UTF-8 text", "save the manifest as UTF-8")]
    except OSError as error:
        return [], [Problem(str(path), f"cannot be read ({error.strerror or error})", "correct the manifest's path")]
    rows: list[dict[str, str]] = []
    problems: list[Problem] = []
    parse = _json_lines if path.suffix.lower() in JSON_SUFFIXES else _csv_lines
    for number, cells in parse(path, text, problems):
        where = f"{path}, line {number}"
        split = cells.get("split", "train")
        if "picture" not in cells:
            problems.append(Problem(where, "names no picture", "fill in 'picture', or delete the row"))
        elif split not in SPLITS:
            what = f"unknown split {split!r}{nearest(split, SPLITS)}"
            problems.append(Problem(where, what, "use train, test, or nothing"))
        else:
            rows.append(cells)
    if not rows and not problems:
        problems.append(Problem(str(path), "lists no picture", "add a row for every picture"))
    return rows, problems


def _csv_lines(path: Path, text: str, problems: list[Problem]) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    try:
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if not header:
                header = cells
                if problem := _header_problem(where, header):
                    problems.append(problem)
                    return
            elif len(cells) != len(header):
                what = f"has {len(cells)} cells where the header has {len(header)}"
                problems.append(Problem(where, what, "put cells that contain commas into double quotes"))
            else:
                named = zip(header, cells, strict=True)
                yield reader.line_num, {column: cell for column, cell in named if column and cell}
    except csv.Error as error:
        problems.append(Problem(f"{path}, line {reader.line_num}", f"is not CSV ({error})", "correct the quotes"))


def _header_problem(where: str, header: list[str]) -> Problem | None:
    if "picture" not in header:
        columns = ", ".join(map(repr, header))
        return Problem(where, f"has no column 'picture' (found {columns})", "name the photos' column 'picture'")
    twice = sorted({column for column in header if column and header.count(column) > 1})
    return Problem(where, f"has the column {twice[0]!r} twice", "rename one of the two") if twice else None


def _json_lines(path: Path, text: str, problems: list[Problem]) -> Iterator[Line]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        fix = "write one object a line"
        try:
            row = parse_json(line)
            what = "" if isinstance(row, dict) else f"is a JSON {type(row).__name__}, expected an object"
        except json.JSONDecodeError as error:
            what = f"is not JSON ({error.msg} at column {error.colno})"
        except ValueError as error:
            what = f"cannot be read ({error})"
        if not what and (wrong := [key for key, value in row.items() if not isinstance(value, str | None)]):
            what = f"{wrong[0]!r} is a JSON {type(row[wrong[0]]).__name__}"
            fix = "use a text (a path or a name) or null"
        if what:
            problems.append(Problem(f"{path}, line {number}", what, fix))
        else:
            yield number, {key: value.strip() for key, value in row.items() if value and value.strip()}
