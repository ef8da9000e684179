"""All results of a comparison, for its report and ``compare.json``."""

import json
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from prismgan import data, images
from prismgan.batch import Batch
from prismgan.comparison.plan import Training
from prismgan.comparison.quality import LEVEL, Interval, Quality, find_quality, interval, read_measurements
from prismgan.comparison.variants import Budget, Variant
from prismgan.data import TestSet, largest_scale
from prismgan.evaluation.measurement import Evaluation
from prismgan.files import replace_file
from prismgan.machine import take_turns
from prismgan.recipes.recipe import Recipe
from prismgan.report.charts import mean_cosines
from prismgan.report.history import History, Series, read_history
from prismgan.tasks import Exemplar, Task
from prismgan.weights import load_weights

LOSS = "loss/"
PICTURES = "pictures"  # folder of the variants' outputs for test pictures


@dataclass(frozen=True)
class Course:
    """The course of a variant's trainings: time, collapses, agreement of the tasks' gradients, and loss curves."""

    seconds: Interval  # training time of all its networks together, without evaluation
    seconds_a_step: Interval  # median over a training, of all its networks together
    collapses: Mapping[int, tuple[str, ...]]  # by seed, the reasons why it counts as collapsed
    discriminator: Mapping[str, float]  # metrics on test pictures, mean over networks and seeds; may be empty
    tasks: tuple[str, ...]  # of the rows and columns of `cosines`; empty if no gradients were compared
    cosines: tuple[tuple[float | None, ...], ...]  # between the tasks' gradients, mean over training and seeds
    curves: Mapping[str, Series]  # mean over seeds of every loss's terms, `TASK/TERM`, over the steps


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


def find_course(trainings: Sequence[Training], quality: Quality) -> Course:
    variant = trainings[0].variant
    histories = {(training.seed, training.part): read_history(training.run.metrics) for training in trainings}
    seeds = list(dict.fromkeys(training.seed for training in trainings))
    parts = list(dict.fromkeys(training.part for training in trainings))
    batch = trainings[0].recipe.training.batch_size
    # A median, so that busy moments of the machine, and rendering of pictures, have little influence.
    paces = {key: statistics.median(batch / each.series("images_per_second").values) for key, each in histories.items()}
    collapses = {seed: _collapses([t for t in trainings if t.seed == seed], variant, quality) for seed in seeds}
    names = tuple(task.name for task in trainings[0].recipe.all_tasks())
    compared = names if len(parts) == 1 and len(names) > 1 else ()
    return Course(
        seconds=interval([sum(histories[seed, part].seconds for part in parts) for seed in seeds]),
        seconds_a_step=interval([sum(paces[seed, part] for part in parts) for seed in seeds]),
        collapses={seed: reasons for seed, reasons in collapses.items() if reasons},
        discriminator=_discriminator(trainings),
        tasks=compared,
        cosines=mean_cosines(histories.values(), compared) if compared else (),
        curves=_curves(list(histories.values())),
    )


def _discriminator(trainings: Sequence[Training]) -> dict[str, float]:
    accuracies: dict[str, list[float]] = defaultdict(list)
    for training in trainings:
        evaluation = Evaluation.read(training.run.folder / "evaluation.json")
        for name, value in (evaluation.discriminator if evaluation else {}).items():
            if value is not None:
                accuracies[name].append(value)
    return {name: statistics.fmean(values) for name, values in accuracies.items()}


def _collapses(trainings: Sequence[Training], variant: str, quality: Quality) -> tuple[str, ...]:
    reasons = []
    for training in trainings:
        name = f"{training.part} " if training.part else ""
        if training.times("diverged"):
            reasons.append(f"{name}diverged")
        elif rollbacks := training.times("rollback"):
            reasons.append(f"{name}went back to a checkpoint {rollbacks} times")
        for task in training.recipe.all_tasks():
            if metric := quality.worse_than_nothing(variant, task.name, training.seed):
                reasons.append(f"{task.name}: {metric} is worse than doing nothing")
    return tuple(reasons)


def _curves(histories: Sequence[History]) -> dict[str, Series]:
    gathered: dict[str, list[Series]] = defaultdict(list)
    for history in histories:
        for key in history.keys:
            if key.startswith(LOSS) and key.count("/") == 2:
                gathered[key.removeprefix(LOSS)].append(history.series(key))
    curves = {}
    for name, several in gathered.items():
        logged, values = (np.concatenate(parts) for parts in zip(*((s.steps, s.values) for s in several), strict=True))
        steps, place, counts = np.unique(logged, return_inverse=True, return_counts=True)
        curves[name] = Series(steps, np.bincount(place, values) / counts, 0)
    return curves


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
