"""Building blocks without normalisation, which would make the tiles of a picture disagree. Residual branches start
small instead (Zhang et al., "Fixup", 2019). Padding replicates the border, because zeros would leave a visible rim.
Padding and enlargement use the maps' own precision: on the CPU autocast would convert them to float32 and back, which
made a convolution 1.25 times as slow (``docs/log.md``, "Seconds a training step")."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.1
RESIDUAL_START = 0.1
Maps = Float[Tensor, "B C H W"]
Code = Float[Tensor, "#B Y"]


def bordered(
    maps: Float[Tensor, "B C h w"], border: int, mode: Literal["replicate", "reflect"] = "replicate"
) -> Float[Tensor, "B C h+2*{border} w+2*{border}"]:
    """Maps with ``border`` more rows and columns on each side, replicated or reflected."""
    with torch.autocast(maps.device.type, enabled=False):
        return F.pad(maps, (border,) * 4, mode=mode)


def enlarged(maps: Float[Tensor, "B C h w"], factor: int) -> Float[Tensor, "B C fh fw"]:
    with torch.autocast(maps.device.type, enabled=False):
        return F.interpolate(maps, scale_factor=factor, mode="bilinear", align_corners=False)


def blurred(maps: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
    """Maps blurred by (1, 2, 1) in both directions, which removes components that alternate from cell to cell."""
    return F.avg_pool2d(F.avg_pool2d(bordered(maps, 1), 2, stride=1), 2, stride=1)


def regrouped(maps: Float[Tensor, "B _ _ _"], factor: int, other: int) -> Float[Tensor, "B _ _ _"]:
    """Convert maps that are unshuffled by ``factor`` into maps unshuffled by ``other``."""
    return maps if factor == other else F.pixel_unshuffle(F.pixel_shuffle(maps, factor), other)


def repeated(table: Float[Tensor, "*_ h w"], rows: int, columns: int) -> Float[Tensor, "*_ {rows} {columns}"]:
    """The table, tiled from its upper left corner to the given numbers of rows and columns."""
    down = torch.arange(rows, device=table.device) % table.shape[-2]
    right = torch.arange(columns, device=table.device) % table.shape[-1]
    return table[..., down, :][..., right]


class BorderedConv2d(nn.Conv2d):
    """A convolution, without groups or dilation, whose border is replicated or reflected (``padding_mode``)."""

    padding_mode: Literal["replicate", "reflect"]

    def _conv_forward(
        self, maps: Float[Tensor, "B C h w"], weight: Tensor, bias: Tensor | None
    ) -> Float[Tensor, "B D y x"]:
        border = self.padding[0]
        assert not isinstance(border, str)
        return F.conv2d(bordered(maps, border, self.padding_mode), weight, bias, self.stride)


def convolution(inputs: int, outputs: int, size: int = 3) -> nn.Conv2d:
    """A convolution that keeps the size, with replicated borders."""
    if size > 1:
        layer: nn.Conv2d = BorderedConv2d(inputs, outputs, size, padding=size // 2, padding_mode="replicate")
    else:
        layer = nn.Conv2d(inputs, outputs, size)
    nn.init.kaiming_normal_(layer.weight, a=SLOPE)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def zero_(layer: nn.Conv2d) -> nn.Conv2d:
    """Initialise with zeros, so that a residual output starts at its baseline."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


@torch.no_grad()
def icnr_(layer: nn.Conv2d, factor: int) -> nn.Conv2d:
    """Initialise a sub-pixel convolution as nearest-neighbour enlargement: the ``factor^2`` filters of a channel start
    equal (Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017)."""
    outputs = layer.weight.shape[0] // factor**2
    for parameter in layer.parameters():
        parameter.copy_(parameter[:outputs].repeat_interleave(factor**2, dim=0))
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
        """Weight and bias of a convolution that equals ``layer`` followed by the modulation by one code."""
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
        elif code is not None and len(code) == 1:  # saves two passes over the maps
            # torch.func.functional_call would replace the layer's weights during the call, for all threads.
            inner = self.first._conv_forward(maps, *self.modulation.folded(self.first, code))
        else:
            assert code is not None, "this head needs a latent"
            inner = self.modulation(self.first(maps), code)
        return maps + self.second(F.leaky_relu(inner, SLOPE, inplace=True))  # in place, because fresh memory costs more


class ResidualStage(nn.Module):
    """A sequence of residual blocks, all modulated by one code."""

    def __init__(self, channels: int, count: int, code: int = 0) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ResidualBlock(channels, code) for _ in range(count))

    def forward(self, maps: Maps, code: Code | None = None) -> Maps:
        for block in self.blocks:
            maps = block(maps, code)
        return maps
