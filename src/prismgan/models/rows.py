"""Which rows of a batch have a target of a task, and what each weighs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.batch import Batch
from prismgan.models.gradients import processes, total
from prismgan.tasks import Task

__all__ = ["present", "row_weights"]


def row_weights(batch: Batch, tasks: Iterable[Task]) -> dict[str, Float[Tensor, " B"]]:
    """For each task, weights that turn a sum over this process's rows into its share of the weighted mean over the
    rows, of all processes, that have a target of the task. A task that no row counts for is left out."""
    clean = (batch.source == batch.reference).flatten(1).all(dim=1)
    of_degraded = {task.name: task.degraded_weight for task in tasks}
    weights = {
        name: rows * torch.where(clean, 1.0, of_degraded[name])
        for name, rows in present(batch, list(of_degraded)).items()
    }
    sums = total(torch.stack([rows.sum() for rows in weights.values()])).tolist()
    world = processes()[1]
    return {name: rows * world / whole for (name, rows), whole in zip(weights.items(), sums, strict=True) if whole}


def present(batch: Batch, names: Sequence[str]) -> dict[str, Float[Tensor, " B"]]:
    """For each task that the batch has pictures of, 1 for rows that have one and 0 for the others."""
    everything = torch.ones(len(batch.source), device=batch.source.device)
    shown = [name for name in names if name in batch.targets or name in batch.examples]
    return {name: batch.present.get(name, everything).float() for name in shown}
