"""Losses that compare pixels: Charbonnier distance, logarithm of the squared error, total variation."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from prismgan.batch import TaskBatch
from prismgan.losses.loss import Exemplars, Loss

EPSILON = 1e-3
SMALLEST = 2e-4  # squared error (43 dB) below which `log_error` is linear; otherwise clean sources would dominate
SCALE = 0.01  # makes `log_error` about as large as the Charbonnier distance, so that weights are comparable
Values = Float[Tensor, "B ..."]


def charbonnier(output: Values, expected: Values, epsilon: float = EPSILON) -> Float[Tensor, " B"]:
    """Mean over pixels of sqrt(d^2 + epsilon^2) - epsilon, a smooth L1 that is 0 for equal images (Charbonnier et al.
    1994). Differences d much below ``epsilon`` count as d^2 / (2 epsilon), those much above it as d."""
    difference = output.float() - expected
    return (torch.sqrt(difference.square() + epsilon**2) - epsilon).flatten(1).mean(1)


class Charbonnier(Loss):
    def __init__(self, features: nn.Module, exemplars: Exemplars = (), *, epsilon: float = EPSILON) -> None:
        super().__init__(features)
        self.epsilon = epsilon

    def forward(self, output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, " B"]:
        assert batch.target is not None, "the task has no pairs"
        return charbonnier(output, batch.target, self.epsilon)


def log_error(output: Float[Tensor, "B ..."], expected: Float[Tensor, "B ..."]) -> Float[Tensor, " B"]:
    """``0.01 ln(1 + e / 2e-4)`` of the mean squared error e (as in Chen et al., "HINet", CVPR workshops 2021, eq. 3).
    Relative improvements count equally for every picture, as in a mean of PSNR, so the worst ones do not dominate."""
    error = (output.float() - expected).square().flatten(1).mean(1)
    return SCALE * torch.log1p(error / SMALLEST)


class LogError(Loss):
    def forward(self, output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, " B"]:
        assert batch.target is not None, "the task has no pairs"
        return log_error(output, batch.target)


class TotalVariation(Loss):
    """Mean absolute difference between neighbours (Rudin, Osher, Fatemi 1992), anisotropic."""

    def forward(self, output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, " B"]:
        image = output.float()
        vertical = (image[:, :, 1:] - image[:, :, :-1]).abs().flatten(1).mean(1)
        horizontal = (image[:, :, :, 1:] - image[:, :, :, :-1]).abs().flatten(1).mean(1)
        return vertical + horizontal
