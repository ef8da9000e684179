"""The base of all balancers, and the balancer ``fixed``, whose weights are set by hand.

A balancer is called with the losses of a step and returns one scalar, whose gradient is the balanced one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Balancer", "Fixed", "Losses", "Step", "weighted_sum"]

Losses = Mapping[str, Float[Tensor, ""]]
"""By task. A process's loss is its rows' share of the whole batch's: the mean over processes is the whole loss."""


def _alone(values: Tensor) -> Tensor:
    return values


@dataclass(frozen=True)
class Step:
    """The data of a training step that a balancer may use, beside its losses.

    Where the rows of a step are shared among processes, whatever a balancer decides by has to come from
    :attr:`total`, or processes would decide differently. Gradients are averaged over processes after the backward pass.
    """

    outputs: Mapping[str, Float[Tensor, "*shape"]]
    """The generator's outputs, by task, that the losses are of."""
    shared: Sequence[nn.Parameter] = ()
    """Parameters that several tasks' losses reach: those of trunk and mapping."""
    heads: Mapping[str, Sequence[nn.Parameter]] = field(default_factory=dict)
    """Parameters that one task's loss alone reaches, by task."""
    random: torch.Generator = field(default_factory=torch.Generator)
    """The step's random numbers, the same in every process."""
    total: Callable[[Tensor], Tensor] = _alone
    """Sum over processes."""
    processes: int = 1

    def mean(self, values: Tensor) -> Tensor:
        """Mean over processes: from losses, or gradients of parameters, of own rows to those of the whole batch."""
        return self.total(values) / self.processes


class Balancer(nn.Module, ABC):
    """Called with the losses of the tasks drawn in a step; see :class:`Step` for the rest.

    Args:
        weights: the recipe's weight of every task.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.recipe_weights = dict(weights)

    @abstractmethod
    def forward(self, losses: Losses, step: Step) -> Float[Tensor, ""]:
        """One scalar; its backward pass leaves the balanced gradients in the parameters."""

    @abstractmethod
    def weights(self) -> dict[str, float]:
        """Factors, beside the recipe's weights, that the balancer gave the tasks, for the log; empty if it has none."""


def weighted_sum(losses: Losses, weights: Mapping[str, float]) -> Float[Tensor, ""]:
    """Each loss times its task's weight, summed."""
    return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()


class Fixed(Balancer):
    """The recipe's weights and nothing else: the weighted sum."""

    def forward(self, losses: Losses, step: Step) -> Float[Tensor, ""]:
        return weighted_sum(losses, self.recipe_weights)

    def weights(self) -> dict[str, float]:
        return {}
