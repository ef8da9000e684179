"""Euclidean distance of two pictures, per value."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from prismgan.metrics.metric import Metric

__all__ = ["EUCLIDEAN", "euclidean"]


def euclidean(output: Float[Tensor, "B 3 H W"], expected: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """``||x - y||_2 / sqrt(3 H W)`` with x and y in [0, 1]: 0 for equal pictures, 1 for black and white.

    The division makes pictures of different size comparable; it turns the L2 norm into the root of the
    mean squared difference (RMSE), which is what this number is.
    """
    difference = (output.float().clamp(-1, 1) - expected.float().clamp(-1, 1)) / 2
    return difference.square().flatten(1).mean(dim=1).sqrt()


EUCLIDEAN = Metric("euclidean", "", "lower", euclidean)
