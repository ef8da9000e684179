"""The report's sections on how the trainings went: agreement of gradients, and curves of losses."""

from __future__ import annotations

from prismgan.comparison.findings import Findings
from prismgan.report.curves import Line, chart
from prismgan.report.heat_map import READING, heat_map
from prismgan.report.markup import Html, element

__all__ = ["curves_section", "gradients_section"]

DISCRIMINATION = "adversarial"
"""The term that measures the discriminator as much as the task: no two models' compare."""


def gradients_section(found: Findings) -> Html:
    """A heat map for every model that trains several tasks; an empty string where there is none."""
    maps = [heat_map(name, course.tasks, course.cosines) for name, course in found.courses.items()]
    if not any(maps):
        return Html("")
    return element(
        "section",
        element("h2", "Do the tasks agree?"),
        element("p", READING, class_="caption"),
        element("div", *maps, class_="heats"),
        id="gradients",
    )


def curves_section(found: Findings) -> Html:
    """For every term of every task's losses, a line for each contender that has it."""
    terms = dict.fromkeys(term for course in found.courses.values() for term in course.curves)
    charts = []
    for term in terms:
        task, _, name = term.partition("/")
        if task in found.tasks and name != DISCRIMINATION:
            lines = [
                Line(contender, course.curves[term])
                for contender, course in found.courses.items()
                if term in course.curves
            ]
            charts.append(chart(f"{task}: {name}", lines))
    if not any(charts):
        return Html("")
    caption = (
        "Losses on training pictures, before weighting, mean over seeds. Bold lines are moving averages over a "
        "twentieth of the training; the number in the legend is the last value."
    )
    return element(
        "section",
        element("h2", "Training"),
        element("p", caption, class_="caption"),
        element("div", *charts, class_="charts"),
        id="training",
    )
