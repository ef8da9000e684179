"""Total variation (Rudin, Osher, Fatemi 1992), anisotropic."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from prismgan.batch import TaskBatch
from prismgan.losses.context import LossContext


class TotalVariation(nn.Module):
    """Mean absolute difference between neighbours."""

    def forward(self, output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, " B"]:
        image = output.float()
        vertical = (image[:, :, 1:] - image[:, :, :-1]).abs().flatten(1).mean(1)
        horizontal = (image[:, :, :, 1:] - image[:, :, :, :-1]).abs().flatten(1).mean(1)
        return vertical + horizontal


def build(context: LossContext) -> TotalVariation:
    return TotalVariation()
