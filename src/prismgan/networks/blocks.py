"""Building blocks without normalisation.

Instance normalisation would make the tiles of a picture disagree, batch normalisation would tie a picture
to the others of its batch. Residual branches start small instead (Zhang et al., "Fixup", 2019), which keeps the
signal's variance through any depth. Padding repeats the border: zeros would paint a rim there.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.networks.borders import BorderedConv2d

SLOPE = 0.1
RESIDUAL_START = 0.1

Maps = Float[Tensor, "B C H W"]
Code = Float[Tensor, "#B Y"]


def convolution(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size, or divides it by the stride, with repeated borders."""
    if size > 1:
        layer: nn.Conv2d = BorderedConv2d(inputs, outputs, size, stride, size // 2, padding_mode="replicate")
    else:
        layer = nn.Conv2d(inputs, outputs, size, stride)
    nn.init.kaiming_normal_(layer.weight, a=SLOPE)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def zero_(layer: nn.Conv2d) -> nn.Conv2d:
    """Start at zero, so that a residual output starts at its baseline."""
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


@torch.no_grad()
def icnr_(layer: nn.Conv2d, factor: int) -> nn.Conv2d:
    """Start a sub-pixel convolution as nearest-neighbour enlargement, without a grid.

    Aitken et al., "Checkerboard artifact free sub-pixel convolution" (2017): the ``factor^2`` filters that
    make one enlarged channel start equal, their biases included.
    """
    outputs = layer.weight.shape[0] // factor**2
    layer.weight.copy_(layer.weight[:outputs].repeat_interleave(factor**2, dim=0))
    assert layer.bias is not None
    layer.bias.copy_(layer.bias[:outputs].repeat_interleave(factor**2))
    return layer


class Modulation(nn.Module):
    """Scale and shift of every channel from a style code (Perez et al., "FiLM", 2018)."""

    def __init__(self, code: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(code, 2 * channels)
        nn.init.normal_(self.linear.weight, std=0.5 / code**0.5)
        nn.init.zeros_(self.linear.bias)

    def forward(self, maps: Maps, code: Code) -> Maps:
        scale, shift = self.linear(code)[..., None, None].chunk(2, dim=1)
        return maps * (1 + scale) + shift

    def folded(self, layer: nn.Conv2d, code: Float[Tensor, "1 Z"]) -> tuple[Tensor, Tensor]:
        """Weight and bias of a convolution that does what ``layer`` and the modulation of its maps by one code do."""
        scale, shift = self.linear(code)[0].chunk(2)
        assert layer.bias is not None
        return layer.weight * (1 + scale)[:, None, None, None], layer.bias * (1 + scale) + shift


class ResidualBlock(nn.Module):
    """``x + conv(act(conv(x)))``; with a code, the inner maps are modulated by it."""

    def __init__(self, channels: int, code: int = 0) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = convolution(channels, channels)
        self.modulation = Modulation(code, channels) if code else None
        with torch.no_grad():
            self.second.weight.mul_(RESIDUAL_START)

    def forward(self, maps: Maps, code: Code | None = None) -> Maps:
        if self.modulation is None:
            inner = self.first(maps)
        elif code is not None and len(code) == 1:  # two passes over the maps fewer
            # torch's functional_call would exchange the layer's own weights meanwhile, for all threads.
            inner = self.first._conv_forward(maps, *self.modulation.folded(self.first, code))
        else:
            assert code is not None, "this head needs a latent"
            inner = self.modulation(self.first(maps), code)
        return maps + self.second(F.leaky_relu(inner, SLOPE, inplace=True))  # fresh memory costs more than this does


class ResidualStage(nn.Module):
    """Residual blocks one after the other, all modulated by one code."""

    def __init__(self, channels: int, count: int, code: int = 0) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ResidualBlock(channels, code) for _ in range(count))

    def forward(self, maps: Maps, code: Code | None = None) -> Maps:
        for block in self.blocks:
            maps = block(maps, code)
        return maps
