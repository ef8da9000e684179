"""Charbonnier distance, a smooth L1 (Charbonnier et al. 1994; Lai et al., "LapSRN", 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from prismgan.batch import TaskBatch
from prismgan.losses.context import LossContext

EPSILON = 1e-3


def charbonnier(
    output: Float[Tensor, "B ..."], expected: Float[Tensor, "B ..."], epsilon: float = EPSILON
) -> Float[Tensor, " B"]:
    """Mean over pixels of sqrt(d^2 + epsilon^2) - epsilon, so that equal images have distance 0."""
    difference = output.float() - expected
    return (torch.sqrt(difference.square() + epsilon**2) - epsilon).flatten(1).mean(1)


class Charbonnier(nn.Module):
    """Distance between output and target.

    Args:
        epsilon: differences d much below it count as d^2 / (2 epsilon), those much above it as d.
    """

    def __init__(self, epsilon: float = EPSILON) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, " B"]:
        assert batch.target is not None, "the task has no pairs"
        return charbonnier(output, batch.target, self.epsilon)


@dataclass(frozen=True)
class Build:
    """Builds the loss; equal to another that builds the same, as tasks are values."""

    epsilon: float = EPSILON

    def __call__(self, context: LossContext) -> Charbonnier:
        return Charbonnier(self.epsilon)


build = Build()
