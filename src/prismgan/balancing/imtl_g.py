"""Balancer ``imtl_g``: a gradient that goes equally far along every task's."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.balancing.aggregated import Aggregated, of_weighted

__all__ = ["IMTLG"]


class IMTLG(Aggregated):
    """The combination, with coefficients that sum to 1, whose projections on all tasks' gradients are equal.

    Liu et al., "Towards impartial multi-task learning" (ICLR 2021), section 3.1; by the pseudo-inverse of the Gramian,
    so that gradients may depend on each other. Projections are on unit vectors, so a task's weight acts on its head,
    and on the shared parameters only through the length of the whole.
    """

    def coefficients(
        self, gramian: Float[Tensor, "K K"], weights: Float[Tensor, " K"], random: torch.Generator
    ) -> Float[Tensor, " K"]:
        from torchjd.aggregation import IMTLGWeighting

        return of_weighted(IMTLGWeighting(), gramian, weights)
