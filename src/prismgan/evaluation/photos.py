"""Evaluation on photos: every task on every test picture under every condition, against doing nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from prismgan.batch import Batch
from prismgan.data import Row, TestSet
from prismgan.data.batches import collate
from prismgan.evaluation.measurement import Against, Evaluation, Figure, Measurement, averaged, mean
from prismgan.evaluation.set_scores import NamedMetrics, SetScores
from prismgan.losses.comparison import min_max
from prismgan.models import Model
from prismgan.recipes.parts import training_parts
from prismgan.recipes.recipe import Recipe
from prismgan.tasks import Task

__all__ = ["evaluate", "judge"]

NO_METRICS = NamedMetrics()


@torch.no_grad()
def evaluate(
    model: Model,
    recipe: Recipe,
    tasks: Sequence[Task],
    rows: Sequence[Row],
    *,
    losses: Mapping[str, nn.ModuleDict] | None = None,
    named: NamedMetrics = NO_METRICS,
    shown: Sequence[Task] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Mean of every task's metrics over the test pictures, for the outputs and for the task's baseline.

    Tasks with pairs are compared with their targets. Tasks without pairs are compared with the photo, which measures
    how much of it is left rather than how good they are; with ``losses`` their distance to the task's exemplars or
    guidance is reported too.

    Args:
        model: the model as it is; the caller applies the averaged weights.
        recipe: conditions, size, seed, and all tasks that pictures are cut for.
        tasks: the tasks to measure.
        rows: the test pictures.
        losses: the tasks' own losses, by task and term.
        named: metrics that need the weights of a network.
        shown: the tasks whose exemplars or domain can be read, by default all.
        progress: called after each picture with the number that is done, and that of all conditions together.

    Returns:
        All but the discriminator.
    """
    settings, latent = recipe.evaluation, model.generator.seeded_latent().to(model.device)
    names = {task.name for task in tasks}
    others = [task for task in (*recipe.all_tasks(), *recipe.other_tasks()) if task.name not in names]
    unpaired = [task for task in (tasks if shown is None else shown) if not task.has_pairs]
    sets = SetScores(named.sets, unpaired, maximum_side=settings.maximum_side, seed=recipe.seed, device=model.device)
    measurements: list[Measurement] = []
    skipped: dict[str, str] = {}
    pictures = 0
    for number, condition in enumerate(settings.conditions):
        test = TestSet(rows, tasks, condition, settings.maximum_side, recipe.seed, alongside=others)
        own: list[Measurement] = []
        count = 0
        for each in test:
            count += 1
            batch = each.to(model.device)
            outputs = model.generate(batch.source, latent)
            for task in tasks:
                output, baseline = outputs[task.name], task.baseline(batch.source)
                compared = _compared(task, batch)
                if compared is None:
                    continue
                expected, against = compared
                sets.add(condition.name, task, output, baseline, expected if task.has_pairs else None)
                for metric in (*task.metrics, *named.pictures):
                    scores = metric(output, expected), metric(baseline, expected)
                    own.append(Measurement.of(task, metric, *scores, against, condition=condition.name))
                own += _distances(task, condition.name, batch, output, baseline, (losses or {}).get(task.name))
            if progress is not None:
                progress(number * len(rows) + count, len(settings.conditions) * len(rows))
        means = averaged(own)
        for task in tasks:
            measurements += [m for m in means if m.task == task.name]
            measurements += sets.measurements(condition.name, task)
        skipped |= test.skipped
        pictures = max(pictures, count)
    return Evaluation(
        pictures=pictures,
        rows=tuple(measurements),
        skipped=tuple(sorted({**skipped, **sets.skipped}.values())),
        anomaly=tuple(_anomaly(model, recipe, rows, [*tasks, *others])),
    )


def _compared(task: Task, batch: Batch) -> tuple[Tensor, Against] | None:
    """The picture that a task's output is compared with, and its name; None if the row lacks it."""
    if not task.has_pairs:
        return batch.reference, "photo"
    if task.name in batch.present and not bool(batch.present[task.name].all()):
        return None
    return batch.targets[task.name], "target"


def _distances(
    task: Task, condition: str, batch: Batch, output: Tensor, baseline: Tensor, built: nn.ModuleDict | None
) -> Iterator[Measurement]:
    """Distances to the task's own exemplars or guidance."""
    if built is None:
        return
    view = batch.of(task.name)
    against: Against = "exemplar" if task.exemplars else "guidance"
    for term in task.losses:
        if term.reported:
            figure = Figure(f"{term.name}_distance", better="lower")
            scores = built[term.name](output, view), built[term.name](baseline, view)
            yield Measurement.of(task, figure, *scores, against, condition=condition)


def _anomaly(model: Model, recipe: Recipe, rows: Sequence[Row], cut_for: Sequence[Task]) -> list[dict[str, Any]]:
    """The ``score`` of every readable picture under every condition, and that ``scaled`` to [0, 1] over all of them;
    empty for a model without anomaly scores."""
    scores: list[dict[str, Any]] = []
    for condition in recipe.evaluation.conditions:
        test = TestSet(rows, (), condition, recipe.evaluation.maximum_side, recipe.seed, alongside=cut_for)
        for row, batch in test.pairs():
            score = model.anomaly_score(batch.source.to(model.device))
            if score is None:
                return []
            scores.append({"picture": row.picture, "condition": condition.name, "score": float(score)})
    scaled = min_max(torch.tensor([entry["score"] for entry in scores])).tolist()
    return [{**entry, "scaled": value} for entry, value in zip(scores, scaled, strict=True)]


def judge(
    model: Model, tasks: Sequence[Task], rows: Sequence[Row], recipe: Recipe, *, pictures: int = 32, batch_size: int = 8
) -> dict[str, float]:
    """The discriminator's loss and accuracies on crops of test pictures, degraded as in training; empty for a model
    without a discriminator."""
    if model.discriminator is None:
        return {}
    values: dict[str, list[float]] = defaultdict(list)
    recipe = recipe.model_copy(update={"only": tuple(task.name for task in tasks)})
    for part in training_parts(recipe, rows, seed=recipe.seed + 1):
        size, names = min(batch_size, part.batch_size), [task.name for task in part.dataset.tasks]
        for first in range(0, pictures, size):
            positions = range(first, first + size)
            batch = collate([part.dataset.sample(position) for position in positions]).to(model.device)
            for name, some in model.judge(batch, model.generate(batch.source, tasks=names)).items():
                values[name] += some.float().cpu().tolist()
    means = {name: mean(some) for name, some in values.items()}
    return {name: value for name, value in means.items() if value is not None}
