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
from prismgan.models import Model
from prismgan.tasks import Task
from prismgan.training.recipe import Recipe

__all__ = ["evaluate", "judge"]

Generate = Callable[[Tensor], Mapping[str, Tensor]]


def evaluate(
    generate: Generate,
    tasks: Sequence[Task],
    rows: Sequence[Row],
    conditions: Sequence[Condition],
    *,
    maximum_side: int,
    losses: Mapping[str, nn.ModuleDict] | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> dict[str, Any]:
    """Mean of every task's metrics over the test pictures, for the outputs and for the task's baseline.

    Tasks with pairs are compared with their targets. Tasks without are compared with the photo, which says how much
    of it is left rather than how good they are; where ``losses`` are given, their distance to the
    task's own exemplars or guidance is reported too.

    Returns:
        The content of ``evaluation.json`` but for the discriminator: ``pictures``, ``rows`` and ``skipped``.
    """
    sums: dict[tuple[str, str, str], list[tuple[float, float]]] = defaultdict(list)
    about: dict[tuple[str, str, str], dict[str, str]] = {}
    skipped: dict[str, str] = {}
    pictures = 0
    for condition in conditions:
        test = TestSet(rows, tasks, condition, maximum_side, seed)
        count = 0
        for each in test:
            count += 1
            batch = each.to(device)
            outputs = generate(batch.source)
            for task in tasks:
                for metric, unit, better, against, value, baseline in _scores(task, batch, outputs[task.name], losses):
                    key = (condition.name, task.name, metric)
                    sums[key].append((value, baseline))
                    about[key] = {"unit": unit, "better": better, "compared_with": against, "kind": task.kind}
        skipped |= test.skipped
        pictures = max(pictures, count)
    found = [
        {
            "task": task,
            "kind": about[condition, task, metric]["kind"],
            "condition": condition,
            "metric": metric,
            "unit": about[condition, task, metric]["unit"],
            "better": about[condition, task, metric]["better"],
            "value": _mean([value for value, _ in values]),
            "baseline": _mean([baseline for _, baseline in values]),
            "compared_with": about[condition, task, metric]["compared_with"],
        }
        for (condition, task, metric), values in sums.items()
    ]
    return {"pictures": pictures, "rows": found, "skipped": sorted(skipped.values())}


@torch.no_grad()
def _scores(
    task: Task, batch: Batch, output: Tensor, losses: Mapping[str, nn.ModuleDict] | None
) -> list[tuple[str, str, str, str, float, float]]:
    """Metric, unit, direction, what it is compared with, value, and the baseline's value."""
    if task.has_pairs:
        if task.name in batch.present and not bool(batch.present[task.name].all()):
            return []
        expected, against = batch.targets[task.name], "target"
    else:
        expected, against = batch.reference, "photo"
    baseline = task.baseline(batch.source)
    scores: list[tuple[str, str, str, str, float, float]] = [
        (
            metric.name,
            metric.unit,
            metric.better,
            against,
            float(metric(output, expected)),
            float(metric(baseline, expected)),
        )
        for metric in task.metrics
    ]
    built = (losses or {}).get(task.name)
    if built is not None:
        view = batch.of(task.name)
        for term in task.losses:
            if term.reported:
                loss = built[term.name]
                value, base = float(loss(output, view)), float(loss(baseline, view))
                shown = "exemplar" if task.exemplars else "guidance"
                scores.append((f"{term.name}_distance", "", "lower", shown, value, base))
    return scores


def judge(
    model: Model, tasks: Sequence[Task], rows: Sequence[Row], recipe: Recipe, *, pictures: int = 32, batch_size: int = 8
) -> dict[str, float]:
    """The discriminator's loss and accuracies on crops of test pictures, degraded as in training."""
    test = TrainingSet(rows, tasks, recipe.training.crop, recipe.degradation, recipe.seed + 1)
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
