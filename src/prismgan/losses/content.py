"""Content distance: is it still the same scene, whatever its colours and brushwork?"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.batch import TaskBatch
from prismgan.images import luma

__all__ = ["Structure", "build"]

STABILITY = 0.02
"""Added to variances in [-1, 1] units squared: below it a region counts as flat and says nothing."""


class Structure(nn.Module):
    """One minus the local correlation of grey levels: SSIM's contrast-structure term.

    Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment" (2004), eq. 9 and 10, at several levels of a
    pyramid as in multi-scale SSIM (2003). It ignores the mean, so a day may become a night; the finest
    level is left out, so brush strokes are free.
    """

    def __init__(self, *, levels: Sequence[int] = (1, 2, 3), window: int = 7) -> None:
        super().__init__()
        self.levels = tuple(levels)
        self.window = window

    def forward(self, output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, " B"]:
        reference = batch.reference
        if output.shape[-2:] != reference.shape[-2:]:
            raise ValueError(f"content: output {tuple(output.shape)} and photo {tuple(reference.shape)} differ in size")
        a, b = luma(output.float()), luma(reference)
        total = output.new_zeros(output.shape[0], dtype=torch.float32)
        used = 0
        for level in range(max(self.levels) + 1):
            if level:
                a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
            if min(a.shape[-2:]) < self.window:
                break
            if level in self.levels:
                total = total + self._distance(a, b)
                used += 1
        return total / max(used, 1)

    def _distance(self, a: Tensor, b: Tensor) -> Tensor:
        def mean(x: Tensor) -> Tensor:
            return F.avg_pool2d(x, self.window, stride=2)

        mean_a, mean_b = mean(a), mean(b)
        variance_a = mean(a * a) - mean_a.square()
        variance_b = mean(b * b) - mean_b.square()
        covariance = mean(a * b) - mean_a * mean_b
        similarity = (2 * covariance + STABILITY) / (variance_a + variance_b + STABILITY)
        return (1 - similarity).flatten(1).mean(1)


def build(exemplars: Sequence[Tensor]) -> Structure:
    return Structure()
