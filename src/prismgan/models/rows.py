"""Which rows of a batch have a target of a task, and what each weighs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.batch import Batch
from prismgan.models.gradients import processes, total

__all__ = ["present", "row_weights"]


def row_weights(batch: Batch, names: Sequence[str]) -> dict[str, Float[Tensor, " B"]]:
    """For each task, weights that turn a sum over this process's rows into its share of the mean over the rows, of
    all processes, that have a target of the task. A task that no row has a target of is left out."""
    found = present(batch, names)
    counts = total(torch.stack([rows.sum() for rows in found.values()])).tolist()
    world = processes()[1]
    return {name: rows * world / count for (name, rows), count in zip(found.items(), counts, strict=True) if count}


def present(batch: Batch, names: Sequence[str]) -> dict[str, Float[Tensor, " B"]]:
    """For each task, 1 for rows that have a target of the task and 0 for the others."""
    everything = torch.ones(len(batch.source), device=batch.source.device)
    return {name: batch.present.get(name, everything).float() for name in names}
