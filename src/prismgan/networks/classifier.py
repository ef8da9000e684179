"""A small classifier of small pictures, used to count and compare sets of generated pictures."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.networks.blocks import SLOPE

WIDTHS = (16, 32, 64)
CELLS = 4  # side of the pooled last maps; more than 1, because position matters: a six upside down is a nine


class Classifier(nn.Module):
    """Three convolutions and two fully connected layers, for pictures from 8 pixels a side."""

    SMALLEST = 2 ** len(WIDTHS)
    FEATURES = 64

    def __init__(self, classes: int) -> None:
        super().__init__()
        pairs = pairwise((3, *WIDTHS))
        self.convolutions = nn.ModuleList(nn.Conv2d(fine, coarse, 4, 2, padding=1) for fine, coarse in pairs)
        self.hidden = nn.Linear(WIDTHS[-1] * CELLS**2, self.FEATURES)
        self.last = nn.Linear(self.FEATURES, classes)

    def features(self, pictures: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B D"]:
        """The features before the logits, for pictures in [-1, 1]."""
        maps = pictures.clamp(-1, 1)
        for layer in self.convolutions:
            maps = F.leaky_relu(layer(maps), SLOPE)
        return F.leaky_relu(self.hidden(F.adaptive_avg_pool2d(maps, CELLS).flatten(1)), SLOPE)

    def forward(self, pictures: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C"]:
        return self.last(self.features(pictures))

    @torch.no_grad()
    def probabilities(self, pictures: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C"]:
        return self(pictures).softmax(dim=1)
