"""Kernel inception distance: how far a set of pictures is from another one, as a network sees them."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from prismgan.metrics.metric import SetMetric
from prismgan.networks.classifier import Classifier
from prismgan.networks.squeeze import SqueezeFeatures

__all__ = ["FEWEST", "LARGEST", "SUBSETS", "classifier_kid", "kernel", "kid", "kid_of_features", "squared_mmd"]

SUBSETS = 100
"""Pairs of subsets that the mean and the deviation are over."""
LARGEST = 1000
"""Pictures in a subset, at most."""
FEWEST = 4
"""Pictures in a set, at least: a subset is half of it, and two pictures are the least that have a distance."""


def kernel(first: Float[Tensor, "M D"], second: Float[Tensor, "N D"]) -> Float[Tensor, "M N"]:
    """The polynomial kernel ``(x . y / D + 1)^3``."""
    return (first @ second.T / first.shape[1] + 1) ** 3


def squared_mmd(first: Float[Tensor, "M D"], second: Float[Tensor, "N D"]) -> Float[Tensor, ""]:
    """The squared maximum mean discrepancy of two samples, estimated without bias, so that it may be negative.

    Gretton et al., "A kernel two-sample test" (2012), equation 3, with :func:`kernel`.
    """
    own = torch.zeros((), dtype=first.dtype, device=first.device)
    for sample in (first, second):
        similarities = kernel(sample, sample)
        own = own + (similarities.sum() - similarities.trace()) / (len(sample) * (len(sample) - 1))
    return own - 2 * kernel(first, second).mean()


def kid_of_features(
    first: Float[Tensor, "M D"], second: Float[Tensor, "N D"], random: torch.Generator
) -> tuple[float, float]:
    """Mean and standard deviation of the squared discrepancy over random subsets.

    Bińkowski, Sutherland, Arbel, Gretton, "Demystifying MMD GANs" (ICLR 2018), section 4. Subsets have 1,000 pictures,
    or half of the smaller set's where that is less, so that the deviation says how much the choice of pictures matters.
    """
    size = min(LARGEST, min(len(first), len(second)) // 2)
    values = []
    for _ in range(SUBSETS):
        one, other = (
            features[torch.randperm(len(features), generator=random)[:size].to(features.device)].double()
            for features in (first, second)
        )
        values.append(squared_mmd(one, other))
    found = torch.stack(values)
    return float(found.mean()), float(found.std(correction=0))


def kid(network: SqueezeFeatures) -> SetMetric:
    """The metric by the means of SqueezeNet's deepest map, 512 channels, over the picture.

    The papers' figures are by Inception v3. These are by another network, so they compare with each other alone.
    """

    def features(pictures: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B D"]:
        return network.maps(pictures.float().clamp(-1, 1))[-1].mean(dim=(2, 3))

    return SetMetric("kid", "", "lower", FEWEST, SqueezeFeatures.SMALLEST, features, kid_of_features)


def classifier_kid(classifier: Classifier) -> SetMetric:
    """The metric by the features of a classifier that was trained on pictures like those that are compared.

    Features are brought to the length sqrt(D), so that the kernel sees their cosine and not how far the training of
    the classifier went. The figures compare with others by the same classifier alone.
    """

    def features(pictures: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B D"]:
        found = classifier.features(pictures.float())
        return F.normalize(found, dim=1) * found.shape[1] ** 0.5

    return SetMetric("kid_classifier", "", "lower", FEWEST, Classifier.SMALLEST, features, kid_of_features)
