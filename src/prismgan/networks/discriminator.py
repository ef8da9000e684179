"""The discriminator: one convolutional trunk that judges the pictures of all tasks. It returns patch logits and a fully
connected logit, both conditioned on the task by projection (Miyato & Koyama, "cGANs with projection discriminator",
2018, eq. 3), and classifies the task of a picture (Odena et al., "AC-GAN", 2017)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, NamedTuple

import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from prismgan.config import Config
from prismgan.networks.blocks import SLOPE


class DiscriminatorConfig(Config):
    """Size of the discriminator."""

    width: Annotated[int, Field(gt=0, le=1024)] = 32
    """Channels of the first layer; they double at every level."""
    levels: Annotated[int, Field(ge=1, le=6)] = 3
    """Layers that halve the resolution."""
    depth: Annotated[int, Field(ge=0, le=32)] = 1
    """Layers at the coarsest resolution."""
    spectral_norm: bool | None = None
    """Spectral normalisation of the trunk (Miyato et al. 2018); by default on if there is no gradient penalty."""


class Judgement(NamedTuple):
    """The discriminator's outputs for N pictures: logits, never probabilities."""

    patch: Float[Tensor, "N 1 h w"]  # logit of every patch being real, given the picture's task
    whole: Float[Tensor, " N"]  # fully connected logit of the whole picture being real, given its task
    task: Float[Tensor, "N K"]  # logits of the task that the picture belongs to, in the order of `Discriminator.tasks`

    @property
    def logit(self) -> Float[Tensor, " N"]:
        """One logit per picture, the mean of its patch logits plus the fully connected one, so that both players'
        gradients at a picture differ only by a factor, and one-stage training is exact (``models/adversary.py``)."""
        return self.patch.mean(dim=(1, 2, 3)) + self.whole


class Discriminator(nn.Module):
    """Judges pictures in [-1, 1] of at least 2^levels pixels a side, given the index of each picture's task."""

    def __init__(self, config: DiscriminatorConfig, tasks: Sequence[str]) -> None:
        super().__init__()
        self.config = config
        self.tasks = tuple(tasks)
        wrap = spectral_norm if config.spectral_norm else (lambda layer: layer)

        def layer(inputs: int, outputs: int, size: int, stride: int) -> nn.Module:
            convolution = nn.Conv2d(inputs, outputs, size, stride, padding=1)
            nn.init.kaiming_normal_(convolution.weight, a=2 * SLOPE)
            return wrap(convolution)

        widths = [3, *(config.width * 2**level for level in range(config.levels))]
        last = widths[-1]
        halving = [layer(fine, coarse, 4, 2) for fine, coarse in pairwise(widths)]
        self.trunk = nn.ModuleList([*halving, *(layer(last, last, 3, 1) for _ in range(config.depth))])
        self.patch = nn.Conv2d(last, 1, 1)
        self.hidden = nn.Linear(last, last)
        self.whole = nn.Linear(last, 1)

        def vectors() -> nn.ParameterDict:
            """One vector per task, keyed by its name, so that adding a task renumbers nothing."""
            return nn.ParameterDict({name: nn.Parameter(torch.randn(last) / last**0.5) for name in self.tasks})

        self.patch_embeddings, self.whole_embeddings, self.classifier = vectors(), vectors(), vectors()

    def indices(self, tasks: Sequence[str], rows: int) -> Int[Tensor, " N"]:
        """Task index of each picture, for ``rows`` pictures of each named task, one task after the other."""
        return torch.tensor([self.tasks.index(name) for name in tasks]).repeat_interleave(rows)

    def features(self, images: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N C h w"]:
        """The maps of the trunk's last layer, from which all logits are computed."""
        maps = images
        for layer in self.trunk:
            maps = F.leaky_relu(layer(maps), 2 * SLOPE)
        return maps

    def forward(self, images: Float[Tensor, "N 3 H W"], task: Int[Tensor, " N"]) -> Judgement:
        def stacked(vectors: nn.ParameterDict) -> Float[Tensor, "K C"]:
            return torch.stack([vectors[name] for name in self.tasks])

        maps = self.features(images)
        vectors = stacked(self.patch_embeddings)[task][:, :, None, None]
        patch = self.patch(maps) + (maps * vectors.to(maps.dtype)).sum(dim=1, keepdim=True)
        pooled = F.leaky_relu(self.hidden(maps.mean(dim=(2, 3))), 2 * SLOPE)
        whole = self.whole(pooled)[:, 0] + (pooled * stacked(self.whole_embeddings)[task]).sum(1)
        classes = pooled @ stacked(self.classifier).t().to(pooled.dtype)
        return Judgement(patch.float(), whole.float(), classes.float())
