"""Charts and heat maps as data: templates place them, and uPlot draws the charts in the browser."""

import json
import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prismgan.report.history import History, Series
from prismgan.report.wording import compact

MAXIMUM_POINTS = 400  # maximum number of points of a curve, however long the run was
COLOURS = 8  # number of colours in the style sheet; further lines start again with the first

Floats = NDArray[np.float64]
Matrix = tuple[tuple[float | None, ...], ...]


class Line(NamedTuple):
    name: str
    series: Series
    limit: bool = False  # whether the curve is a bound and not a measurement; it is then dashed and not smoothed


class Chart(NamedTuple):
    title: str
    label: str  # description for screen readers
    legend: tuple[tuple[str, str, str], ...]  # CSS class, name and last value of every line
    note: str
    data: str  # JSON for `report.js`


def chart(
    title: str,
    lines: Sequence[Line],
    *,
    bounds: tuple[float, float] | None = None,
    smoothed: bool = True,
    markers: Sequence[int] = (),
    note: str = "",
) -> Chart | None:
    """A chart of the lines that have points; None if there are none. ``bounds`` are those of the y axis, by default
    :func:`bounds_of`; ``smoothed`` draws moving averages over the range of single steps; ``markers`` are steps."""
    lines = [line for line in lines if len(line.series.steps)]
    if not lines:
        return None
    low, high, logarithmic = (*bounds, False) if bounds else bounds_of([line.series.values for line in lines])
    steps = np.concatenate([line.series.steps for line in lines])
    first, last = float(steps.min()), float(steps.max())
    curves, legend, colour = [], [], 0
    for line in lines:
        kind = "limit" if line.limit else f"c{colour % COLOURS}"
        colour += not line.limit
        smooths = smoothed and not line.limit
        curves.append({"colour": kind, "line": _curve(line.series, smooths and logarithmic, smooths)})
        if smooths and len(line.series.steps) >= 2 * SMOOTHING:
            curves[-1]["range"] = _range(line.series)
        legend.append((kind, line.name, compact(float(line.series.values[-1]))))
    lost = sum(line.series.not_finite for line in lines if not line.limit)
    lost_note = f"Not finite, and left out: {lost} of its values." if lost else ""
    steps_shown = [first, last] if last > first else [first - 1, last + 1]
    events = [step for step in markers if first <= step <= last]
    data = {"x": steps_shown, "y": [low, high], "log": logarithmic, "events": events, "curves": curves}
    label = f"{title} over training steps {compact(first)} to {compact(last)}"
    notes = " ".join(filter(None, (note, lost_note)))
    return Chart(title, label, tuple(legend), notes, json.dumps(data, separators=(",", ":")))


SMOOTHING = 20  # a moving average spans the values divided by this


def smooth(values: Floats, geometric: bool) -> Floats:
    """Centred moving average over a twentieth of the values, without lag; geometric on a logarithmic axis."""
    reach = len(values) // (2 * SMOOTHING)
    if reach == 0:
        return values
    work = np.log(values) if geometric else values
    window = np.ones(2 * reach + 1)
    means = np.convolve(work, window, "same") / np.convolve(np.ones_like(work), window, "same")
    return np.exp(means) if geometric else means


def bounds_of(curves: Sequence[Floats]) -> tuple[float, float, bool]:
    """Bounds of the y axis that contain all but the rarest values, and whether the axis is logarithmic, which is the
    case if all values are positive and span more than a factor of ten."""
    low = min(float(np.quantile(values, 0.002, method="inverted_cdf")) for values in curves)
    high = max(float(np.quantile(values, 0.998, method="inverted_cdf")) for values in curves)
    if min(float(values.min()) for values in curves) > 0 and high > 10 * low:
        return low / 1.1, high * 1.1, True
    rim = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    bottom = 0.0 if low >= 0 and low - rim < 0.3 * high else low - rim
    return bottom, high + rim, False


def _curve(series: Series, geometric: bool, smoothed: bool) -> list[list[float]]:
    values = smooth(series.values, geometric) if smoothed else series.values
    count = len(values)
    kept = np.unique(np.linspace(0, count - 1, min(count, MAXIMUM_POINTS)).round().astype(np.int64))
    return [_short(series.steps[kept]), _short(values[kept])]


def _range(series: Series) -> list[list[float]]:
    """Steps with the smallest and the largest value around each, at most half of the maximum number of points."""
    count = len(series.steps)
    starts = np.unique(np.linspace(0, count, min(count, MAXIMUM_POINTS // 2), endpoint=False).astype(int))
    low, high = (function.reduceat(series.values, starts) for function in (np.minimum, np.maximum))
    return [_short(series.steps[starts]), _short(low), _short(high)]


def _short(values: Floats) -> list[float]:
    """The values rounded to the precision of a screen; steps stay whole."""
    return [int(value) if value.is_integer() else float(f"{value:.5g}") for value in values.tolist()]


class HeatMap(NamedTuple):
    title: str
    names: Sequence[str]  # of the rows and of the columns
    values: Matrix  # row after row; None for a missing number


def mean_cosines(histories: Iterable[History], tasks: Sequence[str]) -> Matrix:
    """Mean over trainings and their steps of the logged cosines; None for two tasks of which none was logged."""
    logged: dict[frozenset[str], list[float]] = {}
    for history in histories:
        for key in history.keys:
            kind, *pair = key.split("/")
            if kind == "cosine":
                logged.setdefault(frozenset(pair), []).extend(history.series(key).values.tolist())

    def mean(one: str, other: str) -> float | None:
        values = logged.get(frozenset((one, other)))
        return 1.0 if one == other else statistics.fmean(values) if values else None

    return tuple(tuple(mean(row, column) for column in tasks) for row in tasks)
