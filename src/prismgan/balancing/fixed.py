"""Balancer ``fixed``: weights that are set by hand."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from prismgan.balancing.balancer import Balancer, Losses, Step, weighted_sum

__all__ = ["Fixed"]


class Fixed(Balancer):
    """The recipe's weights and nothing else: the weighted sum."""

    def forward(self, losses: Losses, step: Step) -> Float[Tensor, ""]:
        return weighted_sum(losses, self.recipe_weights)

    def weights(self) -> dict[str, float]:
        return {}
