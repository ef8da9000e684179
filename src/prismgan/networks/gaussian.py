"""Maps of independent normal distributions, one for every channel and position of a latent."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Gaussian"]

LIMIT = 10.0
"""Log-variances stay within it to either side: variances from 5e-5 to 2e4, whose quotients float32 can hold."""


class Gaussian(NamedTuple):
    """N(mean, exp(log_variance))."""

    mean: Float[Tensor, "B Z h w"]
    log_variance: Float[Tensor, "B Z h w"]

    @classmethod
    def of(cls, maps: Float[Tensor, "B 2Z h w"]) -> Gaussian:
        """From a network's output, in float32 at least."""
        mean, log_variance = maps.to(torch.promote_types(maps.dtype, torch.float32)).chunk(2, dim=1)
        return cls(mean, LIMIT * torch.tanh(log_variance / LIMIT))

    def at(self, noise: Float[Tensor, "B Z h w"]) -> Float[Tensor, "B Z h w"]:
        """The point that a standard normal ``noise`` stands for (Kingma & Welling 2014, section 2.4)."""
        return self.mean + torch.exp(0.5 * self.log_variance) * noise
