"""Style distance: how far the feature statistics of an image are from those of the exemplars."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.batch import TaskBatch
from prismgan.losses.context import LossContext

__all__ = ["LEAST_POWER", "SCALES", "StyleStatistics", "build", "gram"]

SCALES = 2

LEAST_POWER = 0.3
"""A channel counts as at least so strong, against the root mean square of its level. Learnt networks have channels that
an exemplar leaves silent: divided by their own power, a photo's response there would be all of the loss."""


def gram(maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C C"]:
    """Mean over positions of the products of all pairs of channels (Gatys, Ecker, Bethge 2016, eq. 3)."""
    flat = maps.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


class StyleStatistics(nn.Module):
    """Distance between the Gram matrices of an output and those of the exemplars, averaged over levels and scales.

    Every channel is first divided by its root mean square over the exemplars, so that each filter of each
    level counts alike (see :data:`LEAST_POWER` for weak ones), and a constant channel carries the means (Li
    et al., "Demystifying neural style transfer", 2017, show that either kind of moment will do). The square
    root over the matrix makes the gradient bounded, which keeps dark or flat crops from dominating a step.

    Both are looked at as they are and reduced by 2: at one scale alone plain regions get a weave, which all of the
    features like well enough, and which has nothing of the painting at the next scale.
    """

    def __init__(self, features: nn.Module, exemplars: Sequence[Float[Tensor, "3 H W"]], scales: int = SCALES) -> None:
        """``scales`` is how often pictures are looked at, each time reduced by 2."""
        super().__init__()
        if not exemplars:
            raise ValueError("a style needs at least one exemplar")
        self.features = features
        self.depths: list[int] = []
        """Levels of every scale; an exemplar that is too small for a scale leaves it out."""
        with torch.no_grad():
            for scale in range(scales):
                maps = [self._with_mean(features(_reduced(exemplar[None], scale))) for exemplar in exemplars]
                depth = min(len(levels) for levels in maps)
                if depth == 0:
                    break
                self.depths.append(depth)
                for level in range(depth):
                    self._keep(scale, level, torch.cat([gram(levels[level]) for levels in maps]).mean(0))
        if not self.depths:
            raise ValueError("a style's exemplar is too small for the feature network")

    def _keep(self, scale: int, level: int, grams: Float[Tensor, "C C"]) -> None:
        power = grams.diagonal().clamp_min(1e-6).sqrt()
        # The last channel is the constant.
        power[:-1] = power[:-1].maximum(LEAST_POWER * power[:-1].square().mean().sqrt())
        self.register_buffer(f"power{scale}_{level}", power.view(1, -1, 1, 1), persistent=False)
        self.register_buffer(f"gram{scale}_{level}", grams / torch.outer(power, power), persistent=False)

    @staticmethod
    def _with_mean(maps: Sequence[Tensor]) -> list[Tensor]:
        return [torch.cat([level.float(), torch.ones_like(level[:, :1]).float()], dim=1) for level in maps]

    def forward(self, output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, " B"]:
        # The smallest first: the content loss asks next for the features of the output as it is.
        seen = [(scale, self.features(_reduced(output, scale))) for scale in reversed(range(len(self.depths)))]
        return torch.stack([self.of_maps(maps, scale) for scale, maps in seen if maps]).mean(0)

    def of_maps(self, maps: Sequence[Float[Tensor, "B C h w"]], scale: int = 0) -> Float[Tensor, " B"]:
        """The distance of pictures whose features at a scale these are."""
        distances = []
        for level, found in enumerate(self._with_mean(maps)[: self.depths[scale]]):
            wanted = self.get_buffer(f"gram{scale}_{level}")
            difference = gram(found / self.get_buffer(f"power{scale}_{level}")) - wanted
            distances.append((difference.square().mean(dim=(1, 2)) + 1e-6).sqrt())
        return torch.stack(distances).mean(0)


def _reduced(pictures: Float[Tensor, "B 3 H W"], scale: int) -> Float[Tensor, "B 3 h w"]:
    return F.avg_pool2d(pictures, 2**scale) if scale else pictures


def build(context: LossContext) -> StyleStatistics:
    return StyleStatistics(context.features, context.exemplars)
