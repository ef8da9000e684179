"""Balancer ``pcgrad``: what hurts another task is taken out of a task's gradient."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.balancing.aggregated import Aggregated, of_weighted

__all__ = ["PCGrad"]


class PCGrad(Aggregated):
    """The sum of the weighted gradients, each first projected off those that it conflicts with, in random order.

    Yu et al., "Gradient surgery for multi-task learning" (NeurIPS 2020), algorithm 1: while g_i . g_j < 0 for another
    task's g_j, g_i becomes g_i - (g_i . g_j) / |g_j|^2 g_j. Without conflicts this is the weighted sum.
    """

    def coefficients(
        self, gramian: Float[Tensor, "K K"], weights: Float[Tensor, " K"], random: torch.Generator
    ) -> Float[Tensor, " K"]:
        from torchjd.aggregation import PCGradWeighting

        # torchjd draws from torch's global numbers: they are lent to it, set by the step's own, and put back.
        seed = int(torch.randint(2**62, (), generator=random))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            return of_weighted(PCGradWeighting(), gramian, weights)
