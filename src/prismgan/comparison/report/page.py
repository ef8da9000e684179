"""Puts the report of a comparison together."""

from __future__ import annotations

from pathlib import Path

from prismgan.comparison.contenders import EXPERTS
from prismgan.comparison.findings import Findings
from prismgan.comparison.quality import Interference
from prismgan.comparison.report.cost import cost_section, stability_section
from prismgan.comparison.report.course import curves_section, gradients_section
from prismgan.comparison.report.pictures import pictures_section
from prismgan.comparison.report.quality import details_section, interference_section, overview_section
from prismgan.comparison.report.wording import with_half
from prismgan.files import replace_file
from prismgan.recipes.recipe import to_yaml
from prismgan.report import page, recipe_section
from prismgan.report.markup import Html, element
from prismgan.report.numbers import duration, signed

__all__ = ["write_comparison_report"]

MOST_FIGURES = 4


def write_comparison_report(folder: Path, found: Findings) -> Path:
    """Write ``report.html`` into a comparison's folder: tables, heat maps, curves and pictures, for a browser.

    Raises:
        PrismganError: a picture cannot be read, or the report cannot be written.
    """
    title = f"Comparison on {found.recipe.name}"
    content = page(
        title,
        element("header", element("h1", title), element("p", _headline(found))),
        _figures(found),
        overview_section(found),
        interference_section(found),
        cost_section(found),
        stability_section(found),
        pictures_section(folder, found),
        gradients_section(found),
        details_section(found),
        curves_section(found),
        recipe_section(to_yaml(found.recipe)),
    )
    path = folder / "report.html"
    replace_file(path, content.encode("utf-8", errors="replace"))
    return path


def _headline(found: Findings) -> str:
    """Who was compared on what, in one line."""
    budget = found.budgets[found.reference]
    seconds = sum(course.seconds.mean * course.seconds.count for course in found.courses.values())
    parts = (
        ", ".join(contender.name for contender in found.contenders),
        f"{len(found.tasks)} task{'s' if len(found.tasks) > 1 else ''} ({', '.join(found.tasks)})",
        f"{len(found.seeds)} seed{'s' if len(found.seeds) > 1 else ''}",
        f"{budget.steps:,} steps of {budget.batch_size} crops of {budget.crop} px each",
        f"{duration(seconds)} of training",
    )
    return "; ".join(parts)


def _figures(found: Findings) -> Html:
    """The first key figures that the comparison yields."""
    candidates = [*_sharing(found), *_price(found), *_beyond_noise(found)]
    figures = [element("div", element("dd", number), element("dt", text)) for number, text in candidates[:MOST_FIGURES]]
    return element("dl", *figures, class_="figures key") if figures else Html("")


def _sharing(found: Findings) -> list[tuple[str, str]]:
    """PSNR of the joint network minus the experts', for each task under the condition where it loses most."""
    worst: dict[str, Interference] = {}
    for each in found.quality.interference:
        before = worst.get(each.task)
        if each.metric == "psnr" and (before is None or each.difference.mean < before.difference.mean):
            worst[each.task] = each
    return [
        (
            f"{signed(each.difference.mean, 'dB')} dB",
            f"{task} jointly minus its expert ({each.condition}: {with_half(each.difference, 'dB', sign=True)})",
        )
        for task, each in worst.items()
    ][:2]


def _price(found: Findings) -> list[tuple[str, str]]:
    experts = next((c.name for c in found.contenders if c.model == EXPERTS), None)
    if experts is None or experts == found.reference:
        return []
    ratio = found.courses[experts].seconds.mean / found.courses[found.reference].seconds.mean
    return [(f"{ratio:.1f}\N{MULTIPLICATION SIGN}", f"time to train all experts against {found.reference}")]


def _beyond_noise(found: Findings) -> list[tuple[str, str]]:
    tested = [m for m in found.quality.results if m.p_adjusted is not None]
    beyond = sum(bool(m.verdict) for m in tested)
    return [(f"{beyond} of {len(tested)}", f"differences to {found.reference} beyond noise")] if tested else []
