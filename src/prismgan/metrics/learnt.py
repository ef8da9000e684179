"""Metrics based on a network: LPIPS and, for sets of pictures, KID and the covered classes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from prismgan.errors import WeightsError
from prismgan.metrics.pairs import Metric
from prismgan.networks import Classifier, LearntFeatures, SqueezeFeatures
from prismgan.weights import read_tensors

ACCEPTED = "expected the linear heads of LPIPS for SqueezeNet, as in the published squeeze.pth"
TINY = 1e-10  # added to norms in denominators, as in the published code of LPIPS
SUBSETS = 100  # number of pairs of subsets for the mean and the deviation
LARGEST = 1000  # maximum number of pictures in a subset
FEWEST = 4  # minimum number of pictures in a set: a subset is half of it and needs two pictures
SURE = 0.9  # minimum probability at which a picture counts as recognised
LEAST_SHARE = 0.02  # minimum share of all pictures for a class to be covered; of ten classes, a fifth of an even share
Pictures = Float[Tensor, "B 3 H W"]
Features = Float[Tensor, "B D"]


def lpips_distance(
    network: LearntFeatures, heads: Sequence[Float[Tensor, " _"]], output: Pictures, expected: Pictures
) -> Float[Tensor, " B"]:
    """``sum_l mean_hw (w_l . (x_l - y_l)^2)``, where x_l and y_l are maps normalised to length 1 at every pixel. Zhang,
    Isola, Efros, Shechtman, Wang (CVPR 2018), eq. 1; as in the published code, a head's weight is the square of the
    paper's w_l. It is 0 for equal pictures, about 0.1 for differences that are seen only on a second look, 0.5 and more
    for different pictures, and nan for pictures with fewer than 17 pixels a side."""
    # Not the network's own call, whose cache would keep the maps of whole pictures in memory.
    first, second = (network.maps(picture.float().clamp(-1, 1)) for picture in (output, expected))
    distance = torch.zeros(len(output), device=output.device)
    if len(first) < len(heads):
        return torch.full_like(distance, torch.nan)
    for one, other, head in zip(first, second, heads, strict=True):
        squared = (_normalised(one) - _normalised(other)).square()
        distance = distance + torch.einsum("bchw,c->bhw", squared, head).mean(dim=(1, 2))
    return distance


def lpips(network: SqueezeFeatures, heads: Path, device: str = "cpu") -> Metric:
    """The LPIPS metric with SqueezeNet and a file of its linear heads; see :func:`load_heads`."""
    weights = [head.to(device) for head in load_heads(heads)]
    return Metric("lpips", "", "lower", partial(lpips_distance, network, weights))


def load_heads(path: Path) -> list[Float[Tensor, " _"]]:
    """Weights of the channels, map by map, from the published file (``lin0.model.1.weight`` ...); else WeightsError."""
    tensors = read_tensors(path, ACCEPTED)
    heads = []
    for number, channels in enumerate(SqueezeFeatures.LPIPS_CHANNELS):
        name = f"lin{number}.model.1.weight"
        if name not in tensors:
            raise WeightsError(f"{path}: has no tensor {name!r}; {ACCEPTED}")
        if tensors[name].shape != (1, channels, 1, 1):
            shape = tuple(tensors[name].shape)
            raise WeightsError(f"{path}: {name} has the shape {shape}, expected {(1, channels, 1, 1)}; {ACCEPTED}")
        heads.append(tensors[name].flatten())
    return heads


def _normalised(maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
    return maps / (maps.norm(dim=1, keepdim=True) + TINY)


@dataclass(frozen=True)
class SetMetric:
    """A distance between two sets of pictures that do not correspond to each other one by one."""

    name: str
    unit: str  # unit of the value; empty for a plain number
    better: Literal["higher", "lower"]
    fewest: int  # minimum number of pictures in each set
    smallest: int  # minimum side of a picture in pixels
    features: Callable[[Pictures], Features]  # of images in [-1, 1]
    distance: Callable[[Float[Tensor, "M D"], Float[Tensor, "N D"], torch.Generator], tuple[float, float]]
    """Returns the distance and its standard deviation from the features of two sets."""


def kid_of_features(
    first: Float[Tensor, "M D"], second: Float[Tensor, "N D"], random: torch.Generator
) -> tuple[float, float]:
    """Mean and standard deviation, over random subsets of 1,000 or half of the smaller set, of the squared maximum mean
    discrepancy with the kernel ``(x . y / D + 1)^3``, unbiased, so that it may be negative: Bińkowski, Sutherland,
    Arbel, Gretton, "Demystifying MMD GANs" (ICLR 2018), section 4. (torchmetrics' class draws from global state.)"""
    from torchmetrics.image.kid import poly_mmd  # slow to import

    size = min(LARGEST, min(len(first), len(second)) // 2)
    values = []
    for _ in range(SUBSETS):
        one, other = (
            features[torch.randperm(len(features), generator=random)[:size].to(features.device)].double()
            for features in (first, second)
        )
        values.append(poly_mmd(one, other))
    deviation, mean = torch.std_mean(torch.stack(values), correction=0)
    return float(mean), float(deviation)


def kid(network: LearntFeatures) -> SetMetric:
    """KID with the deepest map of a feature network, averaged over the picture. Published values use Inception v3 and
    are not comparable. Two halves of 48 photos differ by 0.0 +- 0.2; with noise of sigma 25 on one half, by 2.5."""
    return _kid("kid", SqueezeFeatures.SMALLEST, lambda images: network.maps(images.clamp(-1, 1))[-1].mean(dim=(2, 3)))


def classifier_kid(classifier: Classifier) -> SetMetric:
    """KID with a classifier of the same kind of pictures; values are comparable only for the same classifier."""
    return _kid("kid_classifier", Classifier.SMALLEST, classifier.features)


def _kid(name: str, smallest: int, features: Callable[[Pictures], Features]) -> SetMetric:
    """KID of features scaled to length sqrt(D), so that the kernel is ``(cosine + 1)^3``, 8 at most. The scale of
    features differs between networks by orders of magnitude, and enters the cubic kernel with the sixth power."""

    def directions(pictures: Pictures) -> Features:
        vectors = features(pictures.float())
        return F.normalize(vectors, dim=1) * vectors.shape[1] ** 0.5

    return SetMetric(name, "", "lower", FEWEST, smallest, directions, kid_of_features)


class Modes(NamedTuple):
    """The classes that a classifier finds in a set of pictures."""

    covered: int  # classes that at least `LEAST_SHARE` of all pictures belong to
    balance: float  # entropy of the classes relative to that of an even set; 0 if no picture belongs to any class
    recognised: float  # share of the pictures that belong to a class
    shares: tuple[float, ...]  # of all pictures, for every class


def modes(probabilities: Float[Tensor, "N C"], least_share: float = LEAST_SHARE) -> Modes:
    """Count the classes that N pictures show, from a classifier's probabilities for C >= 2 classes."""
    best, classes = probabilities.max(dim=1)
    counts = classes[best >= SURE].bincount(minlength=probabilities.shape[1]).tolist()
    total, belonging = len(probabilities), sum(counts)
    parts = [count / belonging for count in counts if count]
    # For a single class the sum would be -0.0.
    entropy = abs(sum(part * math.log(part) for part in parts))
    return Modes(
        covered=sum(count >= least_share * total for count in counts),
        balance=entropy / math.log(len(counts)),
        recognised=belonging / total,
        shares=tuple(count / total for count in counts),
    )
