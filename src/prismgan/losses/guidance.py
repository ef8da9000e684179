"""Distance to a drawing that fixed filters make of the photo."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.batch import TaskBatch
from prismgan.images.drawing import comic
from prismgan.losses.loss import Exemplars, Loss
from prismgan.losses.pixels import charbonnier

LEVELS = 2
"""How many of the network's maps are compared, from the coarsest on."""


class ComicGuidance(Loss):
    """Keeps a cartoon near the drawing :func:`comic` of its photo, in pixels and in features.

    Features are those of the structure representation of Wang & Yu, "White-box cartoonization" (CVPR 2020), section
    3.2. How drawings look in detail is left to the adversary.

    Args:
        structure: weight of the structures against the pixels.
        varied: whether the latent z says whose hand draws (see :func:`comic`); without it all draw alike.
    """

    def __init__(
        self, features: nn.Module, exemplars: Exemplars = (), *, structure: float = 0.05, varied: bool = False
    ) -> None:
        super().__init__(features)
        self.structure = structure
        self.varied = varied

    def forward(self, output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, " B"]:
        # In bfloat16 the difference of two blurs that outlines are made of would be mostly rounding.
        with torch.no_grad(), torch.autocast(output.device.type, enabled=False):
            drawing = comic(batch.reference, self._hand(batch.latent))
        distance = charbonnier(output.float(), drawing)
        return distance + self.structure * self._structure(output, drawing) if self.structure else distance

    def _hand(self, latent: Float[Tensor, "B Z"] | None) -> Float[Tensor, "B 3"] | None:
        """The first three numbers of z, from a normal distribution to [-1, 1], more often near the ends."""
        if latent is None or not self.varied:
            return None
        return F.pad(torch.erf(1.2 * latent[:, :3].float()), (0, max(3 - latent.shape[1], 0)))

    def _structure(self, output: Tensor, drawing: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = self.features(drawing)[-LEVELS:]
        if not wanted:  # a very small picture has no features
            return charbonnier(output, drawing)
        distances = []
        for found, expected in zip(self.features(output)[-LEVELS:], wanted, strict=True):
            scale = expected.float().flatten(1).abs().mean(1).clamp_min(1e-3).view(-1, 1, 1, 1)
            distances.append(charbonnier(found.float() / scale, expected.float() / scale))
        return torch.stack(distances).mean(0)
