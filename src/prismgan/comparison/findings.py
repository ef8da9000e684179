"""Everything that a comparison found: what its report shows and ``compare.json`` holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from prismgan.comparison.budget import Budget
from prismgan.comparison.contenders import Contender
from prismgan.comparison.course import Course, find_course
from prismgan.comparison.plan import Training
from prismgan.comparison.quality import LEVEL, Quality, find_quality, read_measurements
from prismgan.comparison.rendering import load_renderer, render_pictures, rendering_seconds
from prismgan.files import replace_file
from prismgan.recipes.recipe import Recipe

__all__ = ["PICTURES", "Findings", "find", "write_json"]

PICTURES = "pictures"
"""Folder of what the contenders make of test pictures."""


@dataclass(frozen=True)
class Findings:
    """What a comparison found; by contender where not said otherwise."""

    recipe: Recipe
    """The recipe that was compared on, of the first contender and seed."""
    seeds: tuple[int, ...]
    contenders: tuple[Contender, ...]
    """The first is what the others are compared with."""
    budgets: Mapping[str, Budget]
    quality: Quality
    courses: Mapping[str, Course]
    rendering: Mapping[str, float]
    """Seconds for all tasks of one picture, measured in turn."""
    threads: int

    @property
    def reference(self) -> str:
        return self.contenders[0].name

    @property
    def tasks(self) -> list[str]:
        return [task.name for task in self.recipe.all_tasks()]


def find(
    contenders: Sequence[Contender], budgets: Mapping[str, Budget], trainings: Sequence[Training], folder: Path
) -> Findings:
    """Read what the trainings left behind, and render test pictures with their weights into ``folder``.

    Raises:
        PrismganError: a file of a training cannot be read, or a picture cannot be written.
    """
    own = {c.name: [training for training in trainings if training.contender == c.name] for c in contenders}
    quality = find_quality(contenders, {name: read_measurements(part) for name, part in own.items()})
    first = trainings[0].seed
    renderers = {name: load_renderer([t for t in part if t.seed == first]) for name, part in own.items()}
    recipe = next(iter(contenders[0].recipes.values()))
    render_pictures({c.folder: renderers[c.name] for c in contenders}, recipe, folder / PICTURES)
    return Findings(
        recipe=recipe,
        seeds=tuple(dict.fromkeys(training.seed for training in trainings)),
        contenders=tuple(contenders),
        budgets=budgets,
        quality=quality,
        courses={name: find_course(part, quality) for name, part in own.items()},
        rendering=rendering_seconds(renderers),
        threads=torch.get_num_threads(),
    )


def write_json(path: Path, found: Findings) -> None:
    """Write ``compare.json``.

    Raises:
        PrismganError: the file cannot be written.
    """
    replace_file(path, (json.dumps(_as_json(found), indent=1, allow_nan=False) + "\n").encode())


def _as_json(found: Findings) -> dict[str, Any]:
    return {
        "recipe": found.recipe.model_dump(mode="json"),
        "seeds": list(found.seeds),
        "level": LEVEL,
        "reference": found.reference,
        "threads": found.threads,
        "contenders": [_contender(contender, found) for contender in found.contenders],
        "measurements": [result.as_json() for result in found.quality.results],
        "interference": [asdict(each) for each in found.quality.interference],
        "leading": {task: found.quality.leading(task) for task in found.tasks},
    }


def _contender(contender: Contender, found: Findings) -> dict[str, Any]:
    name = contender.name
    course, budget = found.courses[name], found.budgets[name]
    return {
        "name": name,
        "model": contender.model,
        "variation": contender.variation,
        "budget": {**asdict(budget), "total": budget.total},
        "training_seconds": asdict(course.seconds),
        "seconds_a_step": asdict(course.seconds_a_step),
        "rendering_seconds": found.rendering[name],
        "rendering_ratio": found.rendering[name] / found.rendering[found.reference],
        "collapses": {str(seed): list(reasons) for seed, reasons in course.collapses.items()},
        "discriminator": dict(course.discriminator),
        "cosines": {"tasks": list(course.tasks), "matrix": [list(row) for row in course.cosines]},
        "curves": {
            term: {"steps": series.steps.tolist(), "values": series.values.tolist()}
            for term, series in course.curves.items()
        },
    }
