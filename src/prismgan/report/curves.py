"""Line charts as inline SVG: bold moving averages over the faint range of single steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prismgan.report.axis import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    Floats,
    steps_axis,
    values_axis,
)
from prismgan.report.history import Series
from prismgan.report.markup import Html, element, join
from prismgan.report.numbers import compact

__all__ = ["MAXIMUM_POINTS", "Line", "chart", "smooth"]

MAXIMUM_POINTS = 400
"""Most points of one drawn curve, however long the run was."""

COLOURS = 8
"""Colours in the style sheet; further lines begin again with the first."""


@dataclass(frozen=True)
class Line:
    """One curve of a chart."""

    name: str
    series: Series
    limit: bool = False
    """Whether the curve is a bound rather than a measurement: drawn dashed, not smoothed."""


def chart(
    title: str,
    lines: Sequence[Line],
    *,
    bounds: tuple[float, float] | None = None,
    smoothed: bool = True,
    markers: Sequence[int] = (),
    note: str = "",
) -> Html:
    """A figure with title, legend and curves; an empty string where no line has a point.

    Args:
        title: the heading.
        lines: the curves; those without points are left out.
        bounds: lowest and highest value of the y axis; by default what the curves need, as a logarithmic
            axis where they span more than a factor of ten.
        smoothed: whether to draw moving averages over the range of single steps, or single steps alone.
        markers: steps at which something happened, drawn as thin vertical lines.
        note: a remark under the legend.
    """
    lines = [line for line in lines if len(line.series.steps)]
    if not lines:
        return Html("")
    x = steps_axis(np.concatenate([line.series.steps for line in lines]))
    y = values_axis([line.series.values for line in lines], bounds)
    measured = [line for line in lines if not line.limit]
    drawn: list[Html] = []
    for layer in (_range, _curve):
        for index, line in enumerate(measured):
            drawn.append(layer(line, x, y, index % COLOURS, smoothed))
    drawn += [_limit(line, x, y) for line in lines if line.limit]
    return element(
        "figure",
        element("figcaption", element("h4", title), _legend(lines, measured), _note(note, measured)),
        element(
            "svg",
            _grid(x, y),
            *(_vertical(x.position(step)) for step in markers if x.low <= step <= x.high),
            *drawn,
            viewBox=f"0 0 {WIDTH} {HEIGHT}",
            role="img",
            aria_label=f"{title} over training steps {compact(x.low)} to {compact(x.high)}",
            data_x=f"{x.low!r} {x.high!r}",
            data_y=f"{y.low!r} {y.high!r}",
            data_log=y.logarithmic,
            data_box=f"{LEFT} {RIGHT} {TOP} {BOTTOM}",
        ),
        class_="chart",
    )


def smooth(values: Floats, geometric: bool) -> Floats:
    """Centred moving average over a twentieth of the values; geometric on a logarithmic axis.

    Centred, so that it does not lag behind; at both ends the window reaches inwards only.
    """
    reach = len(values) // 40
    if reach == 0:
        return values
    work = np.log(values) if geometric else values
    sums = np.concatenate([[0.0], np.cumsum(work)])
    index = np.arange(len(values))
    first, last = np.maximum(index - reach, 0), np.minimum(index + reach + 1, len(values))
    means = (sums[last] - sums[first]) / (last - first)
    result: Floats = np.exp(means) if geometric else means
    return result


def _thin(series: Series) -> tuple[Floats, Floats, Floats]:
    """Steps with the least and the largest value around each, at most half of the allowed points."""
    count = len(series.steps)
    starts = np.unique(np.linspace(0, count, min(count, MAXIMUM_POINTS // 2), endpoint=False).astype(int))
    return (
        series.steps[starts],
        np.minimum.reduceat(series.values, starts),
        np.maximum.reduceat(series.values, starts),
    )


def _range(line: Line, x: Axis, y: Axis, colour: int, smoothed: bool) -> Html:
    """The faint range of single steps behind a moving average."""
    if not smoothed or len(line.series.steps) < 40:
        return Html("")
    steps, low, high = _thin(line.series)
    outline = _points(np.concatenate([steps, steps[::-1]]), np.concatenate([high, low[::-1]]), x, y)
    return element("polygon", points=outline, class_=f"range c{colour}")


def _curve(line: Line, x: Axis, y: Axis, colour: int, smoothed: bool) -> Html:
    values = smooth(line.series.values, y.logarithmic) if smoothed else line.series.values
    kept = _kept(len(values))
    points = _points(line.series.steps[kept], values[kept], x, y)
    return element("polyline", points=points, class_=f"curve c{colour}", data_name=line.name)


def _limit(line: Line, x: Axis, y: Axis) -> Html:
    kept = _kept(len(line.series.steps))
    return element("polyline", points=_points(line.series.steps[kept], line.series.values[kept], x, y), class_="limit")


def _kept(count: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, MAXIMUM_POINTS)).round().astype(np.int64))


def _points(steps: Floats, values: Floats, x: Axis, y: Axis) -> str:
    pairs = [(x.position(float(s)), y.position(float(v))) for s, v in zip(steps, values, strict=True)]
    if len(pairs) == 1:  # a line needs a length to be seen
        pairs = [(pairs[0][0] - 4, pairs[0][1]), (pairs[0][0] + 4, pairs[0][1])]
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in pairs)


def _grid(x: Axis, y: Axis) -> Html:
    parts: list[Html] = []
    for tick in y.ticks():
        height = f"{y.position(tick):.1f}"
        parts.append(element("line", x1=LEFT, x2=RIGHT, y1=height, y2=height, class_="grid"))
        parts.append(element("text", compact(tick), x=LEFT - 5, y=height, dy="0.32em", class_="end"))
    for tick in x.ticks():
        place = x.position(tick)
        near = "end" if place > RIGHT - 12 else "start" if place < LEFT + 4 else "middle"
        parts.append(element("text", compact(tick), x=f"{place:.1f}", y=HEIGHT - 6, class_=near))
    return join(*parts)


def _vertical(place: float) -> Html:
    return element("line", x1=f"{place:.1f}", x2=f"{place:.1f}", y1=TOP, y2=BOTTOM, class_="event")


def _legend(lines: Sequence[Line], measured: Sequence[Line]) -> Html:
    """Names with their last values."""
    entries = []
    for line in lines:
        colour = "limit" if line.limit else f"c{measured.index(line) % COLOURS}"
        last = element("b", compact(float(line.series.values[-1])), data_last=None if line.limit else True)
        entries.append(element("li", element("i", class_=colour), line.name, " ", last))
    return element("ul", *entries, class_="legend")


def _note(note: str, measured: Sequence[Line]) -> Html:
    lost = sum(line.series.not_finite for line in measured)
    if lost:
        note = f"{note} Not finite, and left out: {lost} of its values.".strip()
    return element("p", note, class_="note") if note else Html("")
