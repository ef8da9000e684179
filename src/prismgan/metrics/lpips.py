"""Learnt perceptual distance of two pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.errors import WeightsError
from prismgan.metrics.pairs import Metric
from prismgan.networks.features import LearntFeatures, SqueezeFeatures
from prismgan.weights import read_tensors

ACCEPTED = "expected the linear heads of LPIPS for SqueezeNet, as in the published squeeze.pth"
TINY = 1e-10
"""Added to lengths that are divided by, as in the published code."""


@dataclass(frozen=True, eq=False)
class Lpips:
    """``sum_l mean_hw (w_l . (x_l - y_l)^2)``, where x_l and y_l are maps whose every pixel was given length 1.

    Zhang, Isola, Efros, Shechtman, Wang, "The unreasonable effectiveness of deep features as a perceptual metric" (CVPR
    2018), equation 1. As in the published code, version 0.1, a head's weight multiplies the squared difference: it is
    the square of the paper's w_l.
    """

    network: LearntFeatures
    heads: Sequence[Float[Tensor, " _"]]
    """Weights of the channels of every map."""

    def __call__(self, output: Float[Tensor, "B 3 H W"], expected: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
        """0 for equal pictures, about 0.1 for what one sees when looking twice, 0.5 and more for different ones.

        Pictures too small for the network's deepest map (fewer than 17 pixels a side) score nan.
        """
        # Not by the network's own call, which would keep the maps of whole pictures in memory.
        first, second = (self.network.maps(picture.float().clamp(-1, 1)) for picture in (output, expected))
        distance = torch.zeros(len(output), device=output.device)
        if len(first) < len(self.heads):
            return torch.full_like(distance, torch.nan)
        for one, other, head in zip(first, second, self.heads, strict=True):
            squared = (_of_length_one(one) - _of_length_one(other)).square()
            distance = distance + torch.einsum("bchw,c->bhw", squared, head).mean(dim=(1, 2))
        return distance


def lpips(network: SqueezeFeatures, heads: Path, device: str = "cpu") -> Metric:
    """The metric by SqueezeNet and a file of its linear heads; see :func:`load_heads`."""
    return Metric("lpips", "", "lower", Lpips(network, [head.to(device) for head in load_heads(heads)]))


def load_heads(path: Path) -> list[Float[Tensor, " _"]]:
    """Weights of the channels, map by map, from the published file: ``lin0.model.1.weight`` (1, 64, 1, 1) and so on.

    Raises:
        WeightsError: the file is missing or damaged, or holds something else.
    """
    tensors = read_tensors(path, ACCEPTED)
    heads = []
    for number, channels in enumerate(SqueezeFeatures.LPIPS_CHANNELS):
        name = f"lin{number}.model.1.weight"
        if name not in tensors:
            raise WeightsError(f"{path}: has no tensor {name!r}; {ACCEPTED}")
        if tensors[name].shape != (1, channels, 1, 1):
            found = tuple(tensors[name].shape)
            raise WeightsError(f"{path}: {name} has the shape {found} and not {(1, channels, 1, 1)}; {ACCEPTED}")
        heads.append(tensors[name].flatten())
    return heads


def _of_length_one(maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
    return maps / (maps.norm(dim=1, keepdim=True) + TINY)
