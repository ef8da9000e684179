"""Encodes what a generator that is told the task makes, or should make: outputs and targets of every scale."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.networks.blocks import SLOPE, convolution, zero_
from prismgan.networks.conditional import ConditionalConfig, Encoder

__all__ = ["OutputEncoder"]


class OutputEncoder(nn.Module):
    """A picture of a task, and whatever cells are given beside it, to maps at the generator's coarsest level.

    The same form as the generator's own encoder, with a first layer for every scale; modulated by the task's vector.

    Args:
        config: the generator's.
        scales: of the pictures.
        beside: channels of the cells that are given beside them.
        outputs: channels of what comes out.
    """

    def __init__(self, config: ConditionalConfig, scales: Iterable[int], *, beside: int, outputs: int) -> None:
        super().__init__()
        self.multiple = 2 ** len(config.widths)
        self.stems = nn.ModuleDict(
            {f"{scale}x": convolution(12 * scale**2 + beside, config.widths[0]) for scale in sorted(set(scales))}
        )
        self.encoder = Encoder(config, config.widths[0], config.code)
        self.last = zero_(convolution(config.widths[-1], outputs, size=1))

    def forward(
        self,
        picture: Float[Tensor, "B 3 sH sW"],
        scale: int,
        code: Float[Tensor, "B C"],
        beside: Float[Tensor, "B P H/2 W/2"] | None = None,
    ) -> Float[Tensor, "B O h w"]:
        # Padded to whole cells of the coarsest level, as the generator pads its source.
        bottom, right = (-side % (self.multiple * scale) for side in picture.shape[-2:])
        cells = F.pixel_unshuffle(F.pad(picture, (0, right, 0, bottom), mode="replicate"), 2 * scale)
        if beside is not None:
            cells = torch.cat([cells, beside], dim=1)
        coarsest = self.encoder(F.leaky_relu(self.stems[f"{scale}x"](cells), SLOPE), code)[-1]
        return self.last(F.leaky_relu(coarsest, SLOPE))
