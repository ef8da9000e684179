"""The report's pictures: what every contender makes of the same source, task by task."""

from __future__ import annotations

from pathlib import Path

from prismgan.comparison.findings import PICTURES, Findings
from prismgan.comparison.rendering import EXPECTED, SOURCE
from prismgan.report.markup import Html, element
from prismgan.report.pictures import embed, image

__all__ = ["pictures_section"]

LONGEST = 512
"""Longest side of an embedded picture, in pixels."""


def pictures_section(folder: Path, found: Findings) -> Html:
    """A grid for every task; an empty string where there are no test pictures."""
    grids = [_task(folder / PICTURES, task, found) for task in found.tasks]
    if not any(grids):
        return Html("")
    condition = found.recipe.evaluation.conditions[-1].name
    caption = (
        f"Test pictures under the condition {condition}, by the networks of seed {found.seeds[0]}. "
        "Click one to enlarge it."
    )
    return element("section", element("h2", "Pictures"), element("p", caption, class_="caption"), *grids, id="pictures")


def _task(folder: Path, task: str, found: Findings) -> Html:
    expected = "target" if task in {each.name for each in found.recipe.all_tasks() if each.has_pairs} else "exemplar"
    shown = {SOURCE: "source", EXPECTED: expected, **{c.folder: c.name for c in found.contenders}}
    strips = []
    for place in sorted(folder.glob(f"picture-*/{task}")):
        tiles = [
            element(
                "figure", image(embed(place / f"{file}.png", LONGEST), f"{task}: {name}"), element("figcaption", name)
            )
            for file, name in shown.items()
            if (place / f"{file}.png").exists()
        ]
        strips.append(element("div", *tiles, class_="tiles"))
    return element("div", element("h3", task), *strips) if strips else Html("")
