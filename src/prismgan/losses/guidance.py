"""Distance to a drawing that fixed filters make of the photo."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from prismgan.batch import TaskBatch
from prismgan.losses.charbonnier import charbonnier
from prismgan.losses.drawing import comic

__all__ = ["ComicGuidance", "build"]


class ComicGuidance(nn.Module):
    """Keeps a cartoon near the photo's own flat regions and outlines (after Wang & Yu 2020)."""

    def forward(self, output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, " B"]:
        # In bfloat16 the difference of two blurs that outlines are made of would be mostly rounding.
        with torch.no_grad(), torch.autocast(output.device.type, enabled=False):
            drawing = comic(batch.reference)
        return charbonnier(output, drawing)


def build(exemplars: Sequence[Tensor]) -> ComicGuidance:
    return ComicGuidance()
