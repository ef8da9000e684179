"""Evaluation: every task on every test picture under every condition, against doing nothing."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from prismgan.batch import Batch
from prismgan.data import Condition, Row, TestSet, TrainingSet
from prismgan.data.batches import collate
from prismgan.evaluation.named_metrics import NamedMetrics
from prismgan.evaluation.set_scores import SetScores
from prismgan.metrics import Metric
from prismgan.models import Model
from prismgan.recipes.recipe import Recipe
from prismgan.tasks import Task

__all__ = ["evaluate", "judge"]

Generate = Callable[[Tensor], Mapping[str, Tensor]]
Score = tuple[str, str, str, str, float, float]
"""Metric, unit, direction, what it is compared with, value, and the baseline's value."""
NO_METRICS = NamedMetrics()


def evaluate(
    generate: Generate,
    tasks: Sequence[Task],
    rows: Sequence[Row],
    conditions: Sequence[Condition],
    *,
    maximum_side: int,
    losses: Mapping[str, nn.ModuleDict] | None = None,
    named: NamedMetrics = NO_METRICS,
    shown: Sequence[Task] | None = None,
    alongside: Sequence[Task] = (),
    seed: int = 0,
    device: str = "cpu",
) -> dict[str, Any]:
    """Mean of every task's metrics over the test pictures, for the outputs and for the task's baseline.

    Tasks with pairs are compared with their targets. Tasks without are compared with the photo, which says how much
    of it is left rather than how good they are; where ``losses`` are given, their distance to the
    task's own exemplars or guidance is reported too. Metrics that ``named`` adds are reported of every task that they
    apply to; those of sets compare a task without pairs with the pictures that it was shown, as far as it is one of
    ``shown`` (by default all), whose pictures can be read. Photos are
    reduced as for the tasks ``alongside`` too.

    Returns:
        The content of ``evaluation.json`` but for the discriminator: ``pictures``, ``rows`` and ``skipped``.
    """
    sums: dict[tuple[str, str, str], list[tuple[float, float]]] = defaultdict(list)
    about: dict[tuple[str, str, str], dict[str, str]] = {}
    skipped: dict[str, str] = {}
    pictures = 0
    unpaired = [task for task in (tasks if shown is None else shown) if not task.has_pairs]
    sets = SetScores(named.sets, unpaired, maximum_side=maximum_side, seed=seed, device=device)
    for condition in conditions:
        test = TestSet(rows, tasks, condition, maximum_side, seed, alongside=alongside)
        count = 0
        for each in test:
            count += 1
            batch = each.to(device)
            outputs = generate(batch.source)
            for task in tasks:
                output, baseline = outputs[task.name], task.baseline(batch.source)
                compared = _compared(task, batch)
                if compared is None:
                    continue
                sets.add(condition.name, task, output, baseline, compared[0] if task.has_pairs else None)
                scores = _scores((*task.metrics, *named.pictures), output, baseline, *compared)
                scores += _distances(task, batch, output, baseline, (losses or {}).get(task.name))
                for metric, unit, better, against, value, base in scores:
                    key = (condition.name, task.name, metric)
                    sums[key].append((value, base))
                    about[key] = {"unit": unit, "better": better, "compared_with": against}
        skipped |= test.skipped
        pictures = max(pictures, count)
    found = []
    for condition in conditions:
        for task in tasks:
            own = {"task": task.name, "kind": task.kind, "condition": condition.name}
            for key, values in sums.items():
                if key[:2] == (condition.name, task.name):
                    means = {"value": _mean([v for v, _ in values]), "baseline": _mean([b for _, b in values])}
                    found.append({**own, "metric": key[2], **about[key], **means})
            found += [{**own, **row} for row in sets.rows(condition.name, task)]
    return {"pictures": pictures, "rows": found, "skipped": sorted({**skipped, **sets.skipped}.values())}


def _compared(task: Task, batch: Batch) -> tuple[Tensor, str] | None:
    """What a task's output is compared with, and its name; None where the row lacks it."""
    if not task.has_pairs:
        return batch.reference, "photo"
    if task.name in batch.present and not bool(batch.present[task.name].all()):
        return None
    return batch.targets[task.name], "target"


@torch.no_grad()
def _scores(metrics: Sequence[Metric], output: Tensor, baseline: Tensor, expected: Tensor, against: str) -> list[Score]:
    return [
        (
            metric.name,
            metric.unit,
            metric.better,
            against,
            float(metric(output, expected)),
            float(metric(baseline, expected)),
        )
        for metric in metrics
    ]


@torch.no_grad()
def _distances(task: Task, batch: Batch, output: Tensor, baseline: Tensor, built: nn.ModuleDict | None) -> list[Score]:
    """To the task's own exemplars or guidance."""
    if built is None:
        return []
    view, shown = batch.of(task.name), "exemplar" if task.exemplars else "guidance"
    return [
        (
            f"{term.name}_distance",
            "",
            "lower",
            shown,
            float(built[term.name](output, view)),
            float(built[term.name](baseline, view)),
        )
        for term in task.losses
        if term.reported
    ]


def judge(
    model: Model, tasks: Sequence[Task], rows: Sequence[Row], recipe: Recipe, *, pictures: int = 32, batch_size: int = 8
) -> dict[str, float]:
    """The discriminator's loss and accuracies on crops of test pictures, degraded as in training; empty where the
    model has none."""
    if model.discriminator is None:
        return {}
    settings = recipe.training
    test = TrainingSet(
        rows,
        tasks,
        settings.crop,
        recipe.degradation,
        recipe.seed + 1,
        mirror=settings.mirror,
        alongside=recipe.other_tasks(),
        reduced=settings.reduced,
    )
    found: dict[str, list[Tensor]] = defaultdict(list)
    for first in range(0, pictures, batch_size):
        batch = collate([test.sample(position) for position in range(first, first + batch_size)]).to(model.device)
        outputs = model.generate(batch.source, tasks=[task.name for task in tasks])
        for name, values in model.judge(batch, outputs).items():
            found[name].append(values.float().cpu())
    means = {name: _mean(torch.cat(values).tolist()) for name, values in found.items()}
    return {name: value for name, value in means.items() if value is not None}


def _mean(values: Sequence[float]) -> float | None:
    """The mean of what is finite: JSON knows no infinity."""
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else None
