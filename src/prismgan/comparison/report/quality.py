"""The report's sections on what was achieved: all contenders on all tasks, and what tasks lose by sharing a network."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from prismgan.comparison.findings import Findings
from prismgan.comparison.quality import Interference, Interval, Result, interval
from prismgan.comparison.report.wording import DIRECTIONS, in_unit, metric_name, p_value, with_half
from prismgan.report.markup import Html, element
from prismgan.report.numbers import signed, value
from prismgan.report.sortable import judged_cell, number_cell, sortable
from prismgan.report.tables import METRIC_NAMES

__all__ = ["details_section", "interference_section", "overview_section"]

NOTHING = "doing nothing"
CONFIDENCE = (
    "Numbers behind \N{PLUS-MINUS SIGN} are half of the 95 % interval of the mean over seeds (Student's t); with one "
    "seed there is none."
)


def overview_section(found: Findings) -> Html:
    """A row for every contender, a column for every task's leading metric."""
    tasks = [task for task in found.tasks if found.quality.leading(task)]
    rows = [_overview_row(contender.name, tasks, found) for contender in found.contenders]
    rows.append(_nothing_row(tasks, found))
    headings = [f"{task}: {_leading_name(task, found)}" for task in tasks]
    caption = (
        "Each task by its leading metric, mean over test pictures, seeds, and those conditions under which doing "
        f"nothing can be improved on. {CONFIDENCE} Doing nothing is the source itself, enlarged bicubically where "
        "the task enlarges."
    )
    return element(
        "section",
        element("h2", "At a glance"),
        element("p", caption, class_="caption"),
        sortable(("Model", *headings), 1, rows),
        id="overview",
    )


def _leading_name(task: str, found: Findings) -> str:
    metric = found.quality.leading(task) or ""
    first = next(m for m in found.quality.results if (m.about.task, m.about.metric) == (task, metric))
    return f"{METRIC_NAMES.get(metric, metric)} {DIRECTIONS[first.about.better]}"


def _leading(contender: str, task: str, found: Findings) -> list[Result]:
    """One for every condition under which doing nothing can be improved on, as a clean photo cannot by restoring it."""
    metric = found.quality.leading(task)
    own = [m for m in found.quality.results if (m.contender, m.about.task, m.about.metric) == (contender, task, metric)]
    return [m for m in own if m.nothing] or own


def _overview_row(contender: str, tasks: Sequence[str], found: Findings) -> Html:
    cells = []
    for task in tasks:
        own = _leading(contender, task, found)
        mean = _over_conditions(own)
        if mean is None:
            cells.append(number_cell(None, value(None)))
        else:
            cells.append(number_cell(mean.mean, with_half(mean, own[0].about.unit), in_unit(own[0].about.unit)))
    return element("tr", element("td", contender), *cells)


def _over_conditions(own: Sequence[Result]) -> Interval | None:
    """Mean over conditions first, then over the seeds that have all of them."""
    seeds = [seed for seed in (own[0].values if own else ()) if all(seed in m.values for m in own)]
    return interval([statistics.fmean(m.values[seed] for m in own) for seed in seeds]) if seeds else None


def _nothing_row(tasks: Sequence[str], found: Findings) -> Html:
    cells = []
    for task in tasks:
        own = _leading(found.reference, task, found)
        baselines = [m.baseline for m in own if m.baseline is not None]
        mean = statistics.fmean(baselines) if baselines else None
        unit = own[0].about.unit if own else ""
        cells.append(number_cell(mean, value(mean, unit), in_unit(unit)))
    return element("tr", element("td", element("i", NOTHING)), *cells)


def details_section(found: Findings) -> Html:
    """A folded table for every task: contenders, conditions and metrics, with differences to the first contender."""
    caption = (
        f"Differences are to {found.reference}, in pairs of trainings with the same seed, which saw the same pictures, "
        "crops and noise. A difference is coloured where it is beyond noise: p below 0.05 by the paired t-test, after "
        "Holm's correction over all models and conditions that a metric of a task was tested in. Compared with the "
        "photo, a metric says how much of the photo is left, not how good a look is."
    )
    folded = []
    for number, task in enumerate(found.tasks):
        own = [m for m in found.quality.results if m.about.task == task]
        beyond = sum(bool(m.verdict) for m in own)
        tested = sum(m.p_adjusted is not None for m in own)
        summary = element("summary", task, element("small", f"{beyond} of {tested} differences beyond noise"))
        folded.append(element("details", summary, _details(own), open=number == 0))
    return element(
        "section",
        element("h2", "Every metric"),
        element("p", caption, class_="caption"),
        *folded,
        id="details",
    )


def _details(own: Sequence[Result]) -> Html:
    headings = ("Model", "Condition", "Metric", "Against", "Doing nothing", "Result", "Difference", "p", "p, Holm")
    return sortable(headings, 4, [_details_row(m) for m in own])


def _details_row(m: Result) -> Html:
    unit = in_unit(m.about.unit)
    return element(
        "tr",
        element("td", m.contender),
        element("td", m.about.condition),
        element("td", metric_name(m.about.metric, m.about.better)),
        element("td", m.about.compared_with),
        number_cell(m.baseline, value(m.baseline, m.about.unit), unit),
        number_cell(m.value.mean, with_half(m.value, m.about.unit), unit, strong=True),
        _difference(m),
        number_cell(m.difference.p if m.difference else None, p_value(m.difference.p if m.difference else None)),
        number_cell(m.p_adjusted, p_value(m.p_adjusted)),
    )


def _difference(m: Result) -> Html:
    if m.difference is None:
        return number_cell(None, value(None))
    good = m.difference.mean if m.about.better == "higher" else -m.difference.mean
    text = with_half(m.difference, m.about.unit, like=m.value.mean, sign=True)
    return judged_cell(good, text, in_unit(m.about.unit), m.verdict)


# -- interference ---------------------------------------------------------------------------------

LEFT, RIGHT, HEIGHT = 4, 236, 18
"""Of the drawing of an interval."""


def interference_section(found: Findings) -> Html:
    """The joint network minus each task's expert; an empty string where there were no experts."""
    entries = found.quality.interference
    if not entries:
        return Html("")
    caption = (
        "The joint network minus an expert of the same trunk that learnt this task alone, with as many steps of the "
        "same pictures. Bars are 95 % intervals over seeds, on one scale a metric; the dashed line is no difference. "
        "What is coloured has an interval that leaves it out."
    )
    leading = [each for each in entries if each.metric == found.quality.leading(each.task)]
    others = [each for each in entries if each not in leading]
    folded = element("details", element("summary", "Other metrics"), _interference(others)) if others else ""
    return element(
        "section",
        element("h2", "What sharing costs"),
        element("p", caption, class_="caption"),
        _interference(leading),
        folded,
        id="interference",
    )


def _interference(entries: Sequence[Interference]) -> Html:
    headings = ("Task", "Condition", "Metric", "Joint minus expert", "Interval")
    return sortable(headings, 3, [_interference_row(each, _reach(each, entries)) for each in entries])


def _reach(one: Interference, entries: Sequence[Interference]) -> float:
    """The largest end of an interval of the same metric."""
    same = [each.difference for each in entries if each.metric == one.metric]
    return max(abs(d.mean) + (d.half or 0.0) for d in same) or 1.0


def _interference_row(one: Interference, reach: float) -> Html:
    d = one.difference
    good = d.mean if one.better == "higher" else -d.mean
    beyond = d.half is not None and abs(d.mean) > d.half
    verdict = ("better" if good > 0 else "worse") if beyond else ""
    task = f"{one.task} ({one.variation})" if one.variation else one.task
    return element(
        "tr",
        element("td", task),
        element("td", one.condition),
        element("td", metric_name(one.metric, one.better)),
        judged_cell(good, with_half(d, one.unit, like=d.mean, sign=True), in_unit(one.unit), verdict),
        element("td", _drawn(one, reach), class_="number", data_sort=f"{good!r}"),
    )


def _drawn(one: Interference, reach: float) -> Html:
    def place(number: float) -> str:
        return f"{LEFT + (number / reach + 1) / 2 * (RIGHT - LEFT):.1f}"

    d, middle = one.difference, HEIGHT // 2
    half = d.half or 0.0
    return element(
        "svg",
        element("line", x1=place(0), x2=place(0), y1=0, y2=HEIGHT, class_="zero"),
        element("line", x1=place(d.mean - half), x2=place(d.mean + half), y1=middle, y2=middle, class_="interval"),
        element("circle", cx=place(d.mean), cy=middle, r=4, class_="mean"),
        width=RIGHT + LEFT,
        height=HEIGHT,
        role="img",
        aria_label=f"{signed(d.mean - half, one.unit)} to {signed(d.mean + half, one.unit)}{in_unit(one.unit)}",
    )
