"""Balancer ``uncertainty``: weights that are learnt."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from prismgan.balancing.balancer import Balancer, Losses, Step

__all__ = ["Uncertainty"]


class Uncertainty(Balancer):
    """Weights learnt as homoscedastic uncertainty: sum of exp(-s) w L + s with one s a task.

    Kendall, Gal, Cipolla, "Multi-task learning using uncertainty" (2018), eq. 7 with s = log sigma^2; the factors of
    one half are dropped, which changes the weights by a constant. Tasks absent from a step get no update.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__(weights)
        self.log_variance = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in weights})

    def forward(self, losses: Losses, step: Step) -> Float[Tensor, ""]:
        terms = []
        for name, loss in losses.items():
            spread = self.log_variance[name]
            terms.append(torch.exp(-spread) * self.recipe_weights[name] * loss + spread)
        return torch.stack(terms).sum()

    def weights(self) -> dict[str, float]:
        return {name: float(torch.exp(-spread.detach())) for name, spread in self.log_variance.items()}
