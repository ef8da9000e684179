"""The report's curves of a training, and what happened during it."""

from __future__ import annotations

import numpy as np

from prismgan.report.curves import Line, chart
from prismgan.report.heat_map import READING as COSINES
from prismgan.report.heat_map import heat_map, mean_cosines
from prismgan.report.history import History, Series
from prismgan.report.markup import Html, element
from prismgan.report.numbers import share

__all__ = ["curves_section", "events_section"]

MAXIMUM_EVENTS = 200
"""Most events that are listed; the first ones."""

PLAIN = ("step", "time", "skipped")
"""Values that are no curve of their own."""

READING = (
    "Read each chart from left to right. The bold line is a moving average over a twentieth of the run, the "
    "faint area behind it the range of single steps; the number in the legend is the last value. Where "
    "values span more than a factor of ten the scale is logarithmic. "
    "Thin vertical lines are events, listed below."
)


def curves_section(history: History) -> Html:
    """Losses, gradient norms, discriminator and speed over the steps, each with a line on how to read it."""
    markers = [e.step for e in history.events if e.step is not None and e.kind != "skipped_picture"][:40]
    shown: set[str] = set(PLAIN)

    def line(key: str, name: str, limit: bool = False) -> Line:
        shown.add(key)
        return Line(name, history.series(key), limit)

    def group(heading: str, caption: str, charts: list[Html]) -> Html:
        if not any(charts):
            return Html("")
        return element(
            "div",
            element("h3", heading),
            element("p", caption, class_="caption"),
            element("div", *charts, class_="charts"),
        )

    tasks = history.below("loss")
    losses = [chart(task, [line(f"loss/{task}", "total")], markers=markers) for task in tasks]
    terms = []
    for task in tasks:
        names = history.below(f"loss/{task}")
        terms.append(chart(task, [line(f"loss/{task}/{name}", name) for name in names], markers=markers))
    norms = []
    for network in dict.fromkeys((*history.below("norm"), *history.below("clip"))):
        norm, limit = line(f"norm/{network}", "norm"), line(f"clip/{network}", "limit", limit=True)
        norms.append(chart(network, [norm, limit], markers=markers, note=_clipped(norm.series, limit.series)))
    accuracies = [line(f"discriminator/accuracy_{name}", name) for name in ("real", "fake", "task")]
    adversary = [
        chart("accuracy", accuracies, bounds=(0.0, 1.0), markers=markers),
        chart("loss of the discriminator", [line("discriminator/loss", "loss")], markers=markers),
    ]
    rate = line("rate", "rate")
    top = max(rate.series.values, default=0.0) or 1.0
    speed = [
        chart("learning rate", [rate], bounds=(0.0, top * 1.05), smoothed=False),
        chart("pictures a second", [line("images_per_second", "pictures")]),
    ]
    agreement = []
    if cosines := [key for key in history.keys if key.startswith("cosine/")]:
        agreement = [heat_map("the tasks' gradients", tasks, mean_cosines([history], tasks))]
        shown.update(cosines)
    rest = [chart(key, [line(key, "value")]) for key in history.keys if key not in shown]
    return element(
        "section",
        element("h2", "Training"),
        element("p", READING, class_="caption"),
        group(
            "Losses",
            "Each task's total should fall, then level off; one that rises while the others fall is losing "
            "the fight for the shared trunk.",
            losses,
        ),
        _folded("The terms of each loss, before weighting", terms),
        group(
            "Gradient norms",
            "Before clipping. A step above the dashed limit is scaled down to it: a few are healthy, "
            "nearly all mean that the limit sets the learning rate, and spikes are what clipping is for.",
            norms,
        ),
        group(
            "Discriminator",
            "Accuracy near 0.5 on real and fake means it is being fooled, near 1 that it has won and teaches "
            "little; on tasks it should come near 1.",
            adversary,
        ),
        group("Agreement of the tasks", COSINES, agreement),
        group("Speed", "The learning rate's schedule, and how fast pictures went through.", speed),
        _folded("Other values", rest),
        id="training",
    )


def _folded(summary: str, charts: list[Html]) -> Html:
    if not any(charts):
        return Html("")
    return element("details", element("summary", summary), element("div", *charts, class_="charts"))


def _clipped(norm: Series, limit: Series) -> str:
    """How many of the logged steps were clipped."""
    if not len(norm.steps) or not len(limit.steps):
        return ""
    bound = np.interp(norm.steps, limit.steps, limit.values)
    return f"{share(float((norm.values > bound).mean()))} of the logged steps were clipped."


def events_section(history: History) -> Html:
    """A list of what happened, and of lines that could not be read; an empty string for nothing at all."""
    rows = [
        element(
            "tr",
            element("td", "" if event.step is None else f"{event.step:,}", class_="number"),
            element("td", event.kind.replace("_", " ")),
            element("td", event.message + (f" ({event.times} times)" if event.times > 1 else "")),
        )
        for event in history.events[:MAXIMUM_EVENTS]
    ]
    notes = []
    if len(history.events) > MAXIMUM_EVENTS:
        notes.append(f"{len(history.events) - MAXIMUM_EVENTS} further events are in metrics.jsonl.")
    skipped = sum(record.get("skipped", 0) > 0 for record in history.records)
    if skipped:
        notes.append(f"{skipped} logged steps were skipped because a loss or a gradient was not finite.")
    if history.unreadable:
        lines = ", ".join(map(str, history.unreadable[:10]))
        more = " ..." if len(history.unreadable) > 10 else ""
        notes.append(f"Lines of metrics.jsonl that could not be read and are left out: {lines}{more}.")
    if not rows and not notes:
        return Html("")
    table = element(
        "table",
        element("thead", element("tr", *(element("th", name) for name in ("Step", "Event", "What happened")))),
        element("tbody", *rows),
        class_="events",
    )
    return element(
        "section",
        element("h2", "Events"),
        element("div", table, class_="wide") if rows else "",
        *(element("p", note, class_="caption") for note in notes),
        id="events",
    )
