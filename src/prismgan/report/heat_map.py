"""A symmetric matrix of numbers from -1 to 1 as inline SVG: each cell its number, on a colour for its sign and size."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from prismgan.report.history import History
from prismgan.report.markup import Html, element
from prismgan.report.numbers import signed

__all__ = ["READING", "heat_map", "mean_cosines"]

CELL_WIDTH, CELL_HEIGHT, GAP = 62, 34, 2
LETTER = 6.6
"""About how wide a letter of a label is."""
SLOPE = 0.6
"""Of the labels above the columns, which lean by about 30 degrees: rise to run."""
FAINTEST = 0.06
"""How visible the colour of a zero is."""

READING = (
    "Cosines of the angles between the tasks' gradients at the parameters that both tasks share, mean over the "
    "training. Above 0 a step for one task helps the other, below 0 it harms it, and near 0 they do not care."
)


def mean_cosines(histories: Iterable[History], tasks: Sequence[str]) -> tuple[tuple[float | None, ...], ...]:
    """Mean over trainings and their steps of the logged cosines; None for two tasks of which none was logged."""
    found: dict[frozenset[str], list[float]] = {}
    for history in histories:
        for key in history.keys:
            kind, *pair = key.split("/")
            if kind == "cosine":
                found.setdefault(frozenset(pair), []).extend(history.series(key).values.tolist())

    def mean(one: str, other: str) -> float | None:
        values = found.get(frozenset((one, other)))
        return 1.0 if one == other else statistics.fmean(values) if values else None

    return tuple(tuple(mean(row, column) for column in tasks) for row in tasks)


def heat_map(title: str, names: Sequence[str], values: Sequence[Sequence[float | None]]) -> Html:
    """A figure with a row and a column for every name; an empty string where there are fewer than two.

    Args:
        title: the heading.
        names: of the rows and of the columns.
        values: row after row; None where there is no number.
    """
    if len(names) < 2:
        return Html("")
    longest = LETTER * max(map(len, names))
    left, top = longest + 12, SLOPE * longest + 16
    parts = []
    for row, name in enumerate(names):
        y = top + row * CELL_HEIGHT
        parts.append(
            element("text", name, x=f"{left - 8:.1f}", y=f"{y + CELL_HEIGHT / 2:.1f}", dy="0.35em", class_="end")
        )
        for column, value in enumerate(values[row]):
            parts += _cell(left + column * CELL_WIDTH, y, value, own=row == column)
    for column, name in enumerate(names):
        place = f"translate({left + (column + 0.4) * CELL_WIDTH:.1f} {top - 8:.1f}) rotate(-30)"
        parts.append(element("text", name, transform=place, class_="start"))
    width = left + len(names) * CELL_WIDTH + longest * 0.9
    height = top + len(names) * CELL_HEIGHT + 4
    return element(
        "figure",
        element("figcaption", element("h4", title)),
        element(
            "svg", *parts, viewBox=f"0 0 {width:.0f} {height:.0f}", role="img", aria_label=_said(title, names, values)
        ),
        class_="heat",
    )


def _cell(x: float, y: float, value: float | None, own: bool) -> list[Html]:
    kind = "own" if own else "none" if value is None else "agree" if value >= 0 else "conflict"
    opacity = 1.0 if own or value is None else FAINTEST + (1 - FAINTEST) * min(1.0, abs(value)) ** 0.7
    width, height = CELL_WIDTH - GAP, CELL_HEIGHT - GAP
    square = {"x": f"{x:.1f}", "y": f"{y:.1f}", "rx": "3", "fill_opacity": f"{opacity:.2f}"}
    middle = {"x": f"{x + width / 2:.1f}", "y": f"{y + height / 2:.1f}", "dy": "0.35em"}
    return [
        element("rect", width=width, height=height, class_=kind, **square),
        element("text", _shown(value, own), class_="middle", **middle),
    ]


def _shown(value: float | None, own: bool) -> str:
    if own:
        return ""
    return "\N{EN DASH}" if value is None else signed(value, "dB")  # two decimals


def _said(title: str, names: Sequence[str], values: Sequence[Sequence[float | None]]) -> str:
    """The whole matrix in words, for those who do not see it."""
    pairs = [
        f"{names[column]} and {name} {_shown(values[row][column], own=False)}"
        for row, name in enumerate(names)
        for column in range(row)
    ]
    return f"{title}: {'; '.join(pairs)}"
