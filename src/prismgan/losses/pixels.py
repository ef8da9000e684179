"""Losses on pixels: Charbonnier distance, logarithm of the squared error, lattice patterns, total variation."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.batch import TaskBatch
from prismgan.images import luma
from prismgan.losses import Exemplars, Loss

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


class Lattice(Loss):
    """Strength of the part of the difference to the target that repeats every 16 pixels in flat regions.

    It is the root mean square of that part in units of [-1, 1], averaged over windows; near 0 if the difference is
    random. Perceptual and adversarial losses reward a photo's grain everywhere. A network without a source of noise
    produces a pattern that repeats with its cells instead, which is visible where a photo is flat. In windows of 64
    pixels the differences at the same position of all cells are averaged, with larger weights where the target is flat:
    most grain averages out, and the pattern is left."""

    PERIOD = 16  # pixels; a multiple of the cells of a trunk of two levels, at 2x and at 4x
    CELLS = 4  # per side of a window
    AROUND = 9  # side in pixels of the window in which the target's standard deviation is measured
    PLAIN = 0.12  # standard deviation of the grey level there, in units of [-1, 1], at which the weight is a half

    def forward(self, output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, " B"]:
        assert batch.target is not None, "the task has no pairs"
        grey = luma(batch.target)
        square, mean = (
            F.avg_pool2d(values, self.AROUND, 1, self.AROUND // 2, count_include_pad=False)
            for values in (grey.square(), grey)
        )
        weight = self.PLAIN**2 / (self.PLAIN**2 + (square - mean.square()).clamp_min(0))
        pattern = self._folded(weight * (output.float() - batch.target))
        pattern = pattern - pattern.mean(dim=(3, 5), keepdim=True)
        return pattern.square().mean(dim=(1, 3, 5)).add(1e-10).sqrt().mean(dim=(1, 2))

    def _folded(self, values: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C y p x p"]:
        """The mean cell of each window; pixels beyond the last whole window are left out."""
        for axis in (3, 2):  # the last axis first, because each one becomes three
            cells = values.shape[axis] // self.PERIOD
            window = min(self.CELLS, cells)
            whole = values.narrow(axis, 0, cells // window * window * self.PERIOD)
            values = whole.unflatten(axis, (-1, window, self.PERIOD))
        return values.mean(dim=(3, 6))


class TotalVariation(Loss):
    """Mean absolute difference between neighbours (Rudin, Osher, Fatemi 1992), anisotropic."""

    def forward(self, output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, " B"]:
        image = output.float()
        vertical = (image[:, :, 1:] - image[:, :, :-1]).abs().flatten(1).mean(1)
        horizontal = (image[:, :, :, 1:] - image[:, :, :, :-1]).abs().flatten(1).mean(1)
        return vertical + horizontal
