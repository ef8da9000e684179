"""Kullback-Leibler divergence of two maps of normal distributions."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from prismgan.networks.gaussian import Gaussian

__all__ = ["gaussian_kl"]


def gaussian_kl(first: Gaussian, second: Gaussian) -> Float[Tensor, "B Z h w"]:
    """KL(first || second) in nats, for every channel and position.

    Kingma & Welling, "Auto-encoding variational Bayes" (2014), appendix B, for a second that need not be N(0, 1).
    """
    difference = (first.mean - second.mean).square() + first.log_variance.exp()
    return 0.5 * (second.log_variance - first.log_variance + difference * (-second.log_variance).exp() - 1)
