"""Borders around maps, in the maps' own precision.

On the CPU autocast takes padding and enlargement to float32 and back, both ways: a convolution of 64 maps with its
border took 1.25 times as long for that (``docs/log.md``, "Seconds a training step").
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


def bordered(
    maps: Float[Tensor, "B C h w"], border: int, mode: Literal["replicate", "reflect"] = "replicate"
) -> Float[Tensor, "B C h+2*{border} w+2*{border}"]:
    """With so many more rows and columns on each side, which repeat the outermost or reflect what lies behind it."""
    with torch.autocast(maps.device.type, enabled=False):
        return F.pad(maps, (border,) * 4, mode=mode)


def enlarged(maps: Float[Tensor, "B C h w"], factor: int) -> Float[Tensor, "B C fh fw"]:
    """Bilinear enlargement."""
    if factor == 1:
        return maps
    with torch.autocast(maps.device.type, enabled=False):
        return F.interpolate(maps, scale_factor=factor, mode="bilinear", align_corners=False)


def blurred(maps: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
    """Weighted by 1, 2, 1 in both directions: without what changes its sign from cell to cell."""
    return F.avg_pool2d(F.avg_pool2d(bordered(maps, 1), 2, stride=1), 2, stride=1)


class BorderedConv2d(nn.Conv2d):
    """A convolution of all channels with a border as wide on each side, which ``padding_mode`` names, repeated or
    reflected."""

    padding_mode: Literal["replicate", "reflect"]

    def _conv_forward(
        self, maps: Float[Tensor, "B C h w"], weight: Tensor, bias: Tensor | None
    ) -> Float[Tensor, "B D y x"]:
        border = self.padding[0]
        assert not isinstance(border, str)
        return F.conv2d(bordered(maps, border, self.padding_mode), weight, bias, self.stride)
