"""Balancer ``aligned_mtl``: gradients made orthogonal and equally long before they are averaged."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.balancing.aggregated import Aggregated

__all__ = ["AlignedMTL"]


class AlignedMTL(Aggregated):
    """The mean, by the recipe's weights, of the gradients' nearest matrix whose singular values are all the smallest.

    Senushkin et al., "Independent component alignment for multi-task learning" (CVPR 2023), algorithm 1: with
    J = U S V^T the coefficients are s_min U S^-1 U^T w. Nothing dominates and nothing conflicts after that; the weights
    w, which here sum to 1, are preferences and not factors of the losses, whose units are evened out.
    """

    def coefficients(
        self, gramian: Float[Tensor, "K K"], weights: Float[Tensor, " K"], random: torch.Generator
    ) -> Float[Tensor, " K"]:
        from torchjd.aggregation import AlignedMTLWeighting

        found: Tensor = AlignedMTLWeighting(weights / weights.sum())(gramian)
        return found
