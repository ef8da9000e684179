"""The report's sections on what contenders cost, and on how often they collapsed."""

from __future__ import annotations

from prismgan.comparison.findings import Findings
from prismgan.comparison.report.wording import with_half
from prismgan.report.markup import Html, element
from prismgan.report.numbers import duration, share, value
from prismgan.report.sortable import number_cell, sortable

__all__ = ["cost_section", "stability_section"]

JUDGED = ("real", "fake", "task")
"""What a discriminator may be right on."""


def cost_section(found: Findings) -> Html:
    """Parameters, time of training and time of rendering."""
    caption = (
        f"On {found.threads} thread{'s' if found.threads > 1 else ''}. Parameters are those that render, without "
        "discriminators. A step is one of every network that the model has: experts make one for every task. Times of "
        "a step are medians, times of rendering are for all tasks of one picture, measured in turn in one run. "
        "Numbers in brackets are against the first model."
    )
    headings = ("Model", "Networks", "Parameters", "Training", "Step", "Rendering")
    return element(
        "section",
        element("h2", "What it costs"),
        element("p", caption, class_="caption"),
        sortable(headings, 1, [_cost_row(contender.name, found) for contender in found.contenders]),
        id="cost",
    )


def _cost_row(name: str, found: Findings) -> Html:
    budget, first = found.budgets[name], found.budgets[found.reference]
    course, base = found.courses[name], found.courses[found.reference]
    seconds, before = found.rendering[name], found.rendering[found.reference]
    step = course.seconds_a_step
    return element(
        "tr",
        element("td", name),
        number_cell(len(budget.parameters), str(len(budget.parameters))),
        number_cell(budget.total, f"{budget.total:,}", _times(budget.total / first.total)),
        number_cell(
            course.seconds.mean, duration(course.seconds.mean), _times(course.seconds.mean / base.seconds.mean)
        ),
        number_cell(step.mean, f"{with_half(step)} s", _times(step.mean / base.seconds_a_step.mean)),
        number_cell(seconds, f"{1000 * seconds:.1f} ms", _times(seconds / before)),
    )


def _times(ratio: float) -> str:
    return f" ({ratio:.2f}\N{MULTIPLICATION SIGN})"


def stability_section(found: Findings) -> Html:
    """How often a seed collapsed, and why."""
    caption = (
        "A seed counts as collapsed where its training diverged (steps that are not finite led it back to a "
        "checkpoint), or where a task's leading metric, mean over the conditions, is worse than doing nothing. "
        "A discriminator near 50 % on real and fake is being fooled, near 100 % it has won."
    )
    rows, reasons = [], []
    for contender in found.contenders:
        collapses = found.courses[contender.name].collapses
        judge = found.courses[contender.name].discriminator
        reasons += [
            element("li", f"{contender.name}, seed {seed}: {', '.join(why)}") for seed, why in collapses.items()
        ]
        rows.append(
            element(
                "tr",
                element("td", contender.name),
                number_cell(len(collapses), f"{len(collapses)} of {len(found.seeds)}"),
                *(_share(judge.get(f"accuracy_{name}")) for name in JUDGED),
            )
        )
    headings = ("Collapsed", *(f"D right on {name}" for name in JUDGED))
    head = element("tr", element("th", "Model"), *(element("th", name, class_="number") for name in headings))
    table = element("table", element("thead", head), element("tbody", *rows))
    return element(
        "section",
        element("h2", "Stability"),
        element("p", caption, class_="caption"),
        element("div", table, class_="wide"),
        element("ul", *reasons) if reasons else "",
        id="stability",
    )


def _share(accuracy: float | None) -> Html:
    return number_cell(accuracy, value(None) if accuracy is None else share(accuracy))
