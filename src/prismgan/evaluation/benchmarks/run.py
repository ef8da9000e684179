"""Runs the suites for which a folder has files, one after the other."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from prismgan.errors import PrismganError, nearest
from prismgan.evaluation.benchmarks.artefacts import CONSISTENCY, GRIDS
from prismgan.evaluation.benchmarks.drawn import PATTERNS, TEXT
from prismgan.evaluation.benchmarks.restoration import BLUR, CORRELATED, JPEG, RESTORATION
from prismgan.evaluation.benchmarks.styles import STYLES
from prismgan.evaluation.benchmarks.suite import Bench, Suite
from prismgan.packages import missing, require_training
from prismgan.render import Renderer

SUITES: tuple[Suite, ...] = (RESTORATION, TEXT, PATTERNS, BLUR, JPEG, CORRELATED, STYLES, CONSISTENCY, GRIDS)


def run_benchmarks(
    weights: Path | None,
    folder: Path,
    suites: Sequence[str] | None = None,
    *,
    photos: int,
    announce: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Measure weights, by default the ready-made ones, on the named suites, by default on all for which the folder has
    files; styles are measured on at most ``photos`` photos. Returns plain values: ``weights``, ``step``, ``suites``,
    ``rows``, and ``left_out``, the measurements that were not possible, with reasons."""
    require_training()
    measured = chosen(folder, suites)
    bench = Bench(Renderer.load(weights), folder, photos, announce)
    measurements = [row for suite in measured for row in suite.measure(bench)]
    rows = [row.model_dump(exclude={"kind", "deviation", "compared_with"}) for row in measurements]
    header, names = bench.renderer.header, [suite.name for suite in measured]
    about = {"weights": header.title, "step": header.step, "suites": names}
    return {**about, "rows": rows, "left_out": bench.left_out}


def chosen(folder: Path, names: Sequence[str] | None) -> list[Suite]:
    """The named suites, or all for which the folder has files, after checking that they can be measured."""
    if not folder.is_dir():
        raise PrismganError(f"{folder}: {'is a file, expected a folder' if folder.exists() else 'no such folder'}")
    known = {suite.name: suite for suite in SUITES}
    if names is not None and not names:
        raise PrismganError(f"no suite is named (there are: {', '.join(known)})")
    for name in names or ():
        if name not in known:
            raise PrismganError(f"no suite is named {name!r}{nearest(name, known, 'there are')}")
        if lacking := known[name].lacks(folder):
            raise PrismganError(f"suite {name!r} needs {lacking}, which are not in {folder}")
    suites = [suite for suite in SUITES if (suite.name in names if names else suite.lacks(folder) is None)]
    if names is None and suites == [TEXT, PATTERNS]:
        lacking = "; ".join(f"{suite.name} needs {suite.lacks(folder)}" for suite in SUITES if suite not in suites)
        raise PrismganError(f"{folder}: contains no benchmark files ({lacking})")
    for suite in suites:
        if packages := missing(suite.modules):
            others = ",".join(other.name for other in suites if other is not suite) or "another one"
            lacking = f"suite {suite.name!r} needs {' and '.join(packages)}: pip install 'prismgan[video]'"
            raise PrismganError(f"{lacking}, or leave it out with --suites {others}")
    return suites


HEADINGS = ("task", "measured on", "metric", "value", "baseline", "over", "aim", "others")
NUMBERS = frozenset({"value", "baseline", "over", "aim"})


def table(results: Mapping[str, Any]) -> Iterator[str]:
    """Readable lines: a table for each suite of the result of ``run_benchmarks``."""
    yield f"{results['weights']}, step {results['step']}"
    for suite in results["suites"]:
        rows = [row for row in results["rows"] if row["suite"] == suite]
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
    """Columns with minimum width, and numbers aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = zip(line, widths, HEADINGS, strict=True)
        padded = (cell.rjust(width) if name in NUMBERS else cell.ljust(width) for cell, width, name in cells)
        yield "  ".join(padded).rstrip()
