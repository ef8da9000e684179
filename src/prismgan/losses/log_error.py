"""Logarithm of the squared error: what PSNR is made of (Chen et al., "HINet", CVPR workshops 2021, eq. 3).

A mean distance over pictures is mostly that of the worst ones. Here every picture counts by what share of its own error
goes, whether it had heavy noise or nearly none, as in a mean of PSNR.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from prismgan.batch import TaskBatch
from prismgan.losses.context import LossContext

SMALLEST = 2e-4
"""Squared error below which it counts linearly, no longer by its logarithm: 43 dB. A clean source would be all of the
loss otherwise."""
SCALE = 0.01
"""Makes the numbers about as large as those of the Charbonnier distance, so that weights mean the same."""


def log_error(output: Float[Tensor, "B ..."], expected: Float[Tensor, "B ..."]) -> Float[Tensor, " B"]:
    """``0.01 ln(1 + e / 2e-4)`` of the mean squared error e: 0 for equal images."""
    error = (output.float() - expected).square().flatten(1).mean(1)
    return SCALE * torch.log1p(error / SMALLEST)


class LogError(nn.Module):
    """Logarithm of the squared error of an output against its target."""

    def forward(self, output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, " B"]:
        assert batch.target is not None, "the task has no pairs"
        return log_error(output, batch.target)


def build(context: LossContext) -> LogError:
    return LogError()
