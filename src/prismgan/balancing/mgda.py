"""Balancer ``mgda``: the shortest mean of the gradients, which descends on every task."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.balancing.aggregated import Aggregated, of_weighted

__all__ = ["MGDA"]


class MGDA(Aggregated):
    """The point of least norm in the convex hull of the weighted gradients.

    Désidéri, "Multiple-gradient descent algorithm" (2012); Sener & Koltun, "Multi-task learning as multi-objective
    optimization" (NeurIPS 2018), eq. 3, solved by algorithm 2 (Frank-Wolfe, exact for two tasks). It is zero where no
    direction helps all tasks. Long gradients get little of it, so a task with a large weight or a steep loss
    counts less, not more.
    """

    def coefficients(
        self, gramian: Float[Tensor, "K K"], weights: Float[Tensor, " K"], random: torch.Generator
    ) -> Float[Tensor, " K"]:
        from torchjd.aggregation import MGDAWeighting

        return of_weighted(MGDAWeighting(), gramian, weights)
