"""SqueezeNet, which sees well for its size: five megabytes in the file that is published."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.networks.learnt import LearntFeatures

__all__ = ["SqueezeFeatures"]


class SqueezeFeatures(LearntFeatures):
    """SqueezeNet 1.1 (Iandola et al. 2016) up to the deepest of the layers whose maps are wanted, with torchvision's
    names."""

    STYLE_LEVELS = (1, 4, 7, 9)
    """Layers that styles are compared by: one of each size of map."""
    LPIPS_LEVELS = (1, 4, 7, 9, 10, 11, 12)
    """Layers that LPIPS compares (Zhang et al., CVPR 2018): those of above, and all fire modules after them."""
    LPIPS_CHANNELS = (64, 128, 256, 384, 384, 512, 512)
    SMALLEST = 17
    """Side in pixels of the smallest image that has all maps."""

    def __init__(self, levels: Sequence[int] = STYLE_LEVELS) -> None:
        """``levels`` are the layers' numbers, in ascending order."""
        super().__init__()
        self.levels = tuple(levels)

        def pool() -> nn.Module:
            return nn.MaxPool2d(3, stride=2, ceil_mode=True)

        layers = (
            nn.Conv2d(3, 64, 3, stride=2),
            nn.ReLU(),
            pool(),
            _Fire(64, 16, 64),
            _Fire(128, 16, 64),
            pool(),
            _Fire(128, 32, 128),
            _Fire(256, 32, 128),
            pool(),
            _Fire(256, 48, 192),
            _Fire(384, 48, 192),
            _Fire(384, 64, 256),
            _Fire(512, 64, 256),
        )
        self.features = nn.Sequential(*layers[: self.levels[-1] + 1])

    def maps(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B C h w"]]:
        found: list[Tensor] = []
        x = images
        for number, layer in enumerate(self.features):
            smallest = {nn.Conv2d: 3, nn.MaxPool2d: 2}.get(type(layer), 1)
            if min(x.shape[-2:]) < smallest:
                break
            x = layer(x)
            if number in self.levels:
                found.append(x)
        return found


class _Fire(nn.Module):
    """Few channels, then 1x1 and 3x3 convolutions of them side by side (Iandola et al. 2016, figure 1)."""

    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        x = F.relu(self.squeeze(x))
        return F.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1))
