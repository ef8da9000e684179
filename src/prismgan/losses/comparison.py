"""Distances and score of GANomaly (Akcay et al. 2018), and the divergence of the conditional VAE."""

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.networks import Gaussian


def squared_distance(first: Float[Tensor, "B ..."], second: Float[Tensor, "B ..."]) -> Float[Tensor, " B"]:
    """Eq. 1, between a discriminator's features of output and real picture, and eq. 3, between the latents of source
    and output. It is the mean, so that it does not grow with the picture, and squared as in the authors' program."""
    return (first - second).square().flatten(1).mean(1)


def absolute_distance(first: Float[Tensor, "B ..."], second: Float[Tensor, "B ..."]) -> Float[Tensor, " B"]:
    """Eq. 2, between output and target, and eq. 5, between the two latents; also the mean."""
    return (first - second).abs().flatten(1).mean(1)


def min_max(scores: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
    """Eq. 6: scores of a set, scaled to [0, 1]; 0 if all are equal."""
    if not len(scores):
        return scores
    low, high = scores.aminmax()
    return (scores - low) / torch.where(high > low, high - low, 1.0)


def gaussian_kl(first: Gaussian, second: Gaussian) -> Float[Tensor, "B Z h w"]:
    """KL(first || second) in nats, by channel and position (Kingma & Welling 2014, appendix B, for any second)."""
    difference = (first.mean - second.mean).square() + first.log_variance.exp()
    return 0.5 * (second.log_variance - first.log_variance + difference * (-second.log_variance).exp() - 1)
