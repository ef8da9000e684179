"""Balancing: one scalar loss per task in, one loss to minimise out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["BALANCERS", "Balancer", "BalancerName", "Fixed", "Uncertainty"]

BalancerName = Literal["fixed", "uncertainty"]


class Balancer(nn.Module):
    """Called with the tasks' losses, each already multiplied by the weight that the recipe gives it."""

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__()
        self.tasks = tuple(tasks)

    def forward(self, losses: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        raise NotImplementedError

    def weights(self) -> dict[str, float]:
        """The weight that each task has at present, for the log."""
        return dict.fromkeys(self.tasks, 1.0)


class Fixed(Balancer):
    """The recipe's weights and nothing else: the sum."""

    def forward(self, losses: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        return torch.stack(list(losses.values())).sum()


class Uncertainty(Balancer):
    """Weights learnt as homoscedastic uncertainty: sum of exp(-s) L + s with one s a task.

    Kendall, Gal, Cipolla, "Multi-task learning using uncertainty" (2018), eq. 7 with s = log sigma^2; the factors of
    one half are dropped, which changes the weights by a constant. Tasks absent from a step get no update.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__(tasks)
        self.log_variance = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in tasks})

    def forward(self, losses: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        return torch.stack(
            [
                torch.exp(-self.log_variance[name]) * loss + self.log_variance[name]
                for name, loss in losses.items()
            ]
        ).sum()

    def weights(self) -> dict[str, float]:
        return {name: float(torch.exp(-s.detach())) for name, s in self.log_variance.items()}


BALANCERS: dict[BalancerName, type[Balancer]] = {"fixed": Fixed, "uncertainty": Uncertainty}
