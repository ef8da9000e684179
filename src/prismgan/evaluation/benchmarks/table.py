"""Rows of benchmarks as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["table"]

HEADINGS = ("task", "measured on", "metric", "value", "baseline", "over", "aim", "others")
NUMBERS = frozenset({"value", "baseline", "over", "aim"})


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """Lines for people: a table for each suite of what ``run_benchmarks`` returns."""
    yield f"{found['weights']}, step {found['step']}"
    for suite in found["suites"]:
        rows = [row for row in found["rows"] if row["suite"] == suite]
        yield ""
        yield suite if rows else f"{suite}: these weights have no task for it"
        if rows:
            yield from _aligned([HEADINGS, *map(_cells, rows)])


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    metric = f"{row['metric']} [{row['unit']}]" if row["unit"] else row["metric"]
    others = ", ".join(f"{name} {_number(value, row['unit'])}" for name, value in row["literature"].items())
    numbers = (_number(row[key], row["unit"]) for key in ("value", "baseline"))
    return (row["task"], row["condition"], metric, *numbers, str(row["count"]), _number(row["target"], ""), others)


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if unit == "dB" else f"{value:.4g}"


def _aligned(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns as wide as they have to be, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = zip(line, widths, HEADINGS, strict=True)
        yield "  ".join(
            cell.rjust(width) if heading in NUMBERS else cell.ljust(width) for cell, width, heading in cells
        ).rstrip()
