"""One training step: its tasks, rows and losses, and the pictures for the discriminator."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prismgan.batch import Batch
from prismgan.models.gradients import processes, total
from prismgan.tasks import Task


@dataclass
class StepContext:
    """The settings of a step, and its intermediate results."""

    names: Sequence[str]  # tasks that are trained
    weights: Mapping[str, Float[Tensor, " B"]]  # of every row in each task's losses, see `row_weights`
    random: torch.Generator  # the step's random numbers, the same in every process
    rate: float = 0.0  # learning rate of the generator in this step
    losses: dict[str, Float[Tensor, ""]] = field(default_factory=dict)  # by task, for the balancer
    unbalanced: Float[Tensor, ""] | float = 0.0  # losses of the model itself, added after balancing
    log: dict[str, Float[Tensor, ""]] = field(default_factory=dict)  # scalars by name
    finite: Float[Tensor, ""] = field(default_factory=lambda: torch.ones(()))
    """0 if the discriminator's gradient was not finite."""


class AdversarialBatch(NamedTuple):
    """The outputs that the discriminator judges in a step, task by task, and as many real pictures."""

    tasks: Sequence[str]
    fake: Float[Tensor, "N 3 H W"]
    real: Float[Tensor, "N 3 H W"]
    task_index: Int[Tensor, " N"]  # each picture's task, as the discriminator numbers them
    weight: Float[Tensor, " N"]  # 1 / (tasks x rows with a picture of the task), 0 for rows that lack one

    def of_task(self, values: Float[Tensor, "N ..."]) -> dict[str, Float[Tensor, "B ..."]]:
        return dict(zip(self.tasks, values.unflatten(0, (len(self.tasks), -1)), strict=True))


def row_weights(batch: Batch, tasks: Iterable[Task]) -> dict[str, Float[Tensor, " B"]]:
    """For each task, row weights with which the mean over processes of the weighted sums of losses is the weighted mean
    over all rows that have a target for the task. Tasks to which no row contributes are left out."""
    clean = (batch.source == batch.reference).flatten(1).all(dim=1)
    of_degraded = {task.name: task.degraded_weight for task in tasks}
    there = present(batch, list(of_degraded))
    weights = {name: rows * torch.where(clean, 1.0, of_degraded[name]) for name, rows in there.items()}
    sums = total(torch.stack([rows.sum() for rows in weights.values()])).tolist()
    world = processes()[1]
    return {name: rows * world / whole for (name, rows), whole in zip(weights.items(), sums, strict=True) if whole}


def present(batch: Batch, names: Sequence[str]) -> dict[str, Float[Tensor, " B"]]:
    """For each task with pictures in the batch, 1 for rows that have one and 0 for the others."""
    everything = torch.ones(len(batch.source), device=batch.source.device)
    shown = [name for name in names if name in batch.targets or name in batch.examples]
    return {name: batch.present.get(name, everything).float() for name in shown}
