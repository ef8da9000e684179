"""Mean absolute error of two pictures: how far two images of one latent are from each other."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from prismgan.metrics.metric import Metric

__all__ = ["ABSOLUTE", "absolute"]


def absolute(output: Float[Tensor, "B 3 H W"], expected: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """Mean of ``|x - y|`` with x and y in [0, 1]: 0 for equal pictures, 1 for black and white."""
    difference = (output.float().clamp(-1, 1) - expected.float().clamp(-1, 1)) / 2
    return difference.abs().flatten(1).mean(dim=1)


ABSOLUTE = Metric("absolute", "", "lower", absolute)
