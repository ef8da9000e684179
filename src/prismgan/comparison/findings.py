"""All results of a comparison, for its report and ``compare.json``."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan import data, images
from prismgan.batch import Batch
from prismgan.comparison.course import Course, find_course
from prismgan.comparison.plan import Training
from prismgan.comparison.quality import LEVEL, Quality, find_quality, read_measurements
from prismgan.comparison.variants import Budget, Variant
from prismgan.data import TestSet, largest_scale
from prismgan.files import replace_file
from prismgan.machine import take_turns
from prismgan.recipes.recipe import Recipe
from prismgan.tasks import Exemplar, Task
from prismgan.weights import load_weights

PICTURES = "pictures"  # folder of the variants' outputs for test pictures


@dataclass(frozen=True)
class Findings:
    recipe: Recipe  # the recipe of the first variant and seed
    seeds: tuple[int, ...]
    variants: tuple[Variant, ...]  # the others are compared with the first
    budgets: Mapping[str, Budget]
    quality: Quality
    courses: Mapping[str, Course]
    rendering: Mapping[str, float]  # seconds for all tasks of one picture, measured in turn
    threads: int

    @property
    def reference(self) -> str:
        return self.variants[0].name

    @property
    def tasks(self) -> list[str]:
        return [task.name for task in self.recipe.all_tasks()]


def find(
    variants: Sequence[Variant], budgets: Mapping[str, Budget], trainings: Sequence[Training], folder: Path
) -> Findings:
    """Read the results of the trainings, and render test pictures with their weights into ``folder``."""
    own = {c.name: [training for training in trainings if training.variant == c.name] for c in variants}
    quality = find_quality(variants, {name: read_measurements(part) for name, part in own.items()})
    first = trainings[0].seed
    renderers = {name: load_renderer([t for t in part if t.seed == first]) for name, part in own.items()}
    recipe = next(iter(variants[0].recipes.values()))
    render_pictures({c.folder: renderers[c.name] for c in variants}, recipe, folder / PICTURES)
    return Findings(
        recipe=recipe,
        seeds=tuple(dict.fromkeys(training.seed for training in trainings)),
        variants=tuple(variants),
        budgets=budgets,
        quality=quality,
        courses={name: find_course(part, quality) for name, part in own.items()},
        rendering=rendering_seconds(renderers),
        threads=torch.get_num_threads(),
    )


def write_json(path: Path, findings: Findings) -> None:
    content = {
        "recipe": findings.recipe.model_dump(mode="json"),
        "seeds": list(findings.seeds),
        "level": LEVEL,
        "reference": findings.reference,
        "threads": findings.threads,
        "contenders": [_variant(variant, findings) for variant in findings.variants],
        "measurements": [result.as_json() for result in findings.quality.results],
        "interference": [asdict(each) for each in findings.quality.interference],
        "leading": {task: findings.quality.leading(task) for task in findings.tasks},
    }
    replace_file(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def _variant(variant: Variant, findings: Findings) -> dict[str, Any]:
    name = variant.name
    course, budget = findings.courses[name], findings.budgets[name]
    curves = {term: {"steps": own.steps.tolist(), "values": own.values.tolist()} for term, own in course.curves.items()}
    return {
        "name": name,
        "model": variant.model,
        "variation": variant.variation,
        "budget": {**asdict(budget), "total": budget.total},
        "training_seconds": asdict(course.seconds),
        "seconds_a_step": asdict(course.seconds_a_step),
        "rendering_seconds": findings.rendering[name],
        "rendering_ratio": findings.rendering[name] / findings.rendering[findings.reference],
        "collapses": {str(seed): list(reasons) for seed, reasons in course.collapses.items()},
        "discriminator": dict(course.discriminator),
        "cosines": {"tasks": list(course.tasks), "matrix": [list(row) for row in course.cosines]},
        "curves": curves,
    }


Render = Callable[[Tensor], Mapping[str, Tensor]]

SHOWN = 2
SIDE = 256  # longest side of a source in pixels, if its photo is large enough
SOURCE, EXPECTED = "source", "expected"  # names of files beside those of variants
HEIGHT, WIDTH, REPEATS = 256, 384, 5  # size of the timed picture, and number of measurements


def load_renderer(trainings: Sequence[Training]) -> Render:
    """The generators of one variant and one seed, combined: returns every task's image of a source."""
    generators = [load_weights(training.run.weights).generator() for training in trainings]

    @torch.inference_mode()
    def render(source: Float[Tensor, "B 3 H W"]) -> dict[str, Float[Tensor, "B 3 sH sW"]]:
        outputs: dict[str, Tensor] = {}
        for generator in generators:
            outputs |= generator(source, generator.seeded_latent())
        return outputs

    return render


def rendering_seconds(renderers: Mapping[str, Render]) -> dict[str, float]:
    """Median seconds for all tasks of one picture, by variant, taken in turn."""
    source = torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0)).mul(2).sub(1)
    source = source.to(memory_format=torch.channels_last)
    return take_turns({name: partial(render, source) for name, render in renderers.items()}, REPEATS)


def render_pictures(renderers: Mapping[str, Render], recipe: Recipe, folder: Path) -> None:
    """Write the variants' outputs for a few test pictures, as ``PICTURE/TASK/NAME.png`` with the variants' names."""
    tasks = recipe.all_tasks()
    _, rows = data.split(data.rows(recipe.data), recipe.data)
    condition = recipe.evaluation.conditions[-1]
    others = recipe.other_tasks()
    maximum_side = SIDE * largest_scale([*tasks, *others]) // 2
    test = TestSet(rows[:SHOWN], tasks, condition, maximum_side, recipe.seed, alongside=others)
    for number, batch in enumerate(test, start=1):
        looks = {name: render(batch.source) for name, render in renderers.items()}
        for task in tasks:
            place = folder / f"picture-{number}" / task.name
            shown = {SOURCE: batch.source[0], **{name: found[task.name][0] for name, found in looks.items()}}
            if (expected := _expected(task, batch)) is not None:
                shown[EXPECTED] = expected
            for name, picture in shown.items():
                images.write(place / f"{name}.png", picture)


def _expected(task: Task, batch: Batch) -> Float[Tensor, "3 H W"] | None:
    """The target or an exemplar; None for a row or a task that has neither."""
    if isinstance(task.target, Exemplar):
        return data.exemplars(task)[0]
    has_one = task.has_pairs and bool(batch.present.get(task.name, torch.ones(1)).all())
    return batch.targets[task.name][0] if has_one else None
