"""Feature networks: what images are compared by when pixels are too strict."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["RandomFeatures"]


class RandomFeatures(nn.Module):
    """Fixed random filters at several scales: a feature network that needs no training and no download.

    Ustyuzhaninov, Brendel, Gatys, Bethge, "What does it take to generate natural textures?" (ICLR 2017)
    show that one layer of random filters, at enough scales, carries the statistics of a texture. Here the
    scales are the levels of a Gaussian pyramid, so that large filters cost little. Filters see the
    band between two levels (they have zero mean), so responses do not depend on brightness; the colours
    themselves are part of every level's maps, so that their distribution is a statistic as well.

    The filters follow from ``seed`` alone, so two computers have the same ones.
    """

    def __init__(
        self, *, levels: Sequence[int] = (1, 2, 3, 4), filters: int = 60, size: int = 5, seed: int = 0
    ) -> None:
        """``levels`` are octaves of the pyramid; 0 is the image itself."""
        super().__init__()
        self.levels = tuple(levels)
        generator = torch.Generator().manual_seed(seed)
        bank = torch.randn(filters, 3, size, size, generator=generator)
        bank = bank - bank.mean(dim=(1, 2, 3), keepdim=True)
        bank = bank / bank.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        self.register_buffer("bank", bank, persistent=False)
        self.bank: Tensor

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B C h w"]]:
        """One map per level that still has at least 8 pixels a side; C is filters + 3."""
        maps = []
        image = images
        border = self.bank.shape[-1] // 2
        for level in range(max(self.levels) + 1):
            if level:
                if min(image.shape[-2:]) < 16:
                    break
                image = F.avg_pool2d(image, 2)
            if level in self.levels:
                responses = F.relu(F.conv2d(image, self.bank))
                colours = image[..., border:-border, border:-border]
                maps.append(torch.cat([responses, colours.to(responses.dtype)], dim=1))
        return maps
