"""Losses of the comparison models: the divergence of the conditional VAE, and GANomaly's (Akcay et al., "GANomaly:
semi-supervised anomaly detection", 2018), and its score.

GANomaly's are means, not sums, so that they do not grow with the picture; the adversarial and
the latent one are squared, as in the authors' program.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.networks.comparison import Gaussian


def feature_matching(real: Float[Tensor, "B ..."], fake: Float[Tensor, "B ..."]) -> Float[Tensor, " B"]:
    """Eq. 1, adversarial: the discriminator's features of an output should be those of the real picture."""
    return (real - fake).square().flatten(1).mean(1)


def contextual(target: Float[Tensor, "B ..."], output: Float[Tensor, "B ..."]) -> Float[Tensor, " B"]:
    """Eq. 2: L1 distance of output and target."""
    return (target - output).abs().flatten(1).mean(1)


def latent_distance(z: Float[Tensor, "B ..."], again: Float[Tensor, "B ..."]) -> Float[Tensor, " B"]:
    """Eq. 3: distance between the latent that the output was made from and the one that it is encoded to."""
    return (z - again).square().flatten(1).mean(1)


def anomaly_score(z: Float[Tensor, "B ..."], again: Float[Tensor, "B ..."]) -> Float[Tensor, " B"]:
    """Eq. 5: how far it is, in L1. Low for pictures like those of the training."""
    return (z - again).abs().flatten(1).mean(1)


def min_max(scores: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
    """Eq. 6: scores of a set, scaled to [0, 1]; 0 where all are equal."""
    if not len(scores):
        return scores
    low, high = scores.min(), scores.max()
    return (scores - low) / torch.where(high > low, high - low, 1.0)


def gaussian_kl(first: Gaussian, second: Gaussian) -> Float[Tensor, "B Z h w"]:
    """KL(first || second) in nats, for every channel and position.

    Kingma & Welling, "Auto-encoding variational Bayes" (2014), appendix B, for a second that need not be N(0, 1).
    """
    difference = (first.mean - second.mean).square() + first.log_variance.exp()
    return 0.5 * (second.log_variance - first.log_variance + difference * (-second.log_variance).exp() - 1)
