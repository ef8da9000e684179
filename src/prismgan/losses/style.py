"""Style distance: the difference between the feature statistics of an image and those of the exemplars."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.batch import TaskBatch
from prismgan.images import luma
from prismgan.losses import Exemplars, Loss

LEAST_POWER = 0.3
"""Minimum power of a channel relative to the root mean square of its level. Learnt networks have channels that do not
respond to an exemplar; after a division by their own power, a photo's response there would dominate the loss."""
LIMIT = 50.0
"""Upper limit of distances: those of dark or flat crops can be hundreds of times too large and dominate a step."""
QUANTILES = 64  # of brightness and of each colour
PARTS = 4  # number of partial sums of products: in bfloat16 a single sum would be rounded four times as coarsely


class _Moments(torch.autograd.Function):
    """Gram matrix and mean in one pass over the maps, and their gradient in one product. Autograd would add the
    gradients of two uses of the largest maps, and convert them to float32 and back."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor) -> tuple[Tensor, Tensor]:
        rows, channels, height, width = maps.shape
        count = height * width
        flat = maps.permute(0, 2, 3, 1).reshape(rows, count, channels)
        parts = PARTS if count % PARTS == 0 else 1
        pieces = flat.reshape(rows * parts, count // parts, channels)
        products = torch.bmm(pieces.transpose(1, 2), pieces) / (count // parts)
        precise = torch.promote_types(maps.dtype, torch.float32)
        gram = products.to(precise).view(rows, parts, channels, channels).mean(1)
        mean = flat.mean(1, dtype=precise)
        ctx.save_for_backward(flat)
        ctx.sides = height, width
        return gram, mean

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (flat,) = ctx.saved_tensors
        of_gram, of_mean = gradients
        count = flat.shape[1]
        symmetric = ((of_gram + of_gram.transpose(1, 2)) / count).to(flat.dtype)
        gradient = torch.baddbmm((of_mean / count).to(flat.dtype)[:, None], flat, symmetric)
        return gradient.unflatten(1, ctx.sides).permute(0, 3, 1, 2)


def moments(maps: Float[Tensor, "B C H W"]) -> tuple[Float[Tensor, "B C C"], Float[Tensor, "B C"]]:
    """Means over positions of the products of all pairs of channels (Gatys et al. 2016, eq. 3), and of all channels."""
    return _Moments.apply(maps)  # type: ignore[no-untyped-call]


def quantiles(picture: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 4 64"]:
    """The sorted values of brightness and of each colour, averaged over equal shares of the pixels."""
    values = torch.cat([luma(picture), picture], dim=1).float().flatten(2)
    return F.adaptive_avg_pool1d(values.sort(dim=2).values, QUANTILES)


class StyleStatistics(Loss):
    """Squared distance of Gram matrices and means to those of the exemplars, relative to the exemplars' own squared
    norm, averaged over the levels. Every channel is first divided by its root mean square over the exemplars, so that
    all filters have the same weight. Either moment would be sufficient (Li et al., "Demystifying neural style
    transfer", 2017), but together they preserve colours and dark areas better. The average includes the squared
    Wasserstein distance of brightness and colours (Risser, Wilmot, Barnes, "Stable and controllable neural texture
    synthesis and style transfer using histogram losses", 2017), relative to the exemplars' own variance."""

    def __init__(self, features: nn.Module, exemplars: Exemplars = ()) -> None:
        super().__init__(features)
        if not exemplars:
            raise ValueError("a style needs at least one exemplar")
        with torch.no_grad():
            seen = [[moments(level.float()) for level in features(exemplar[None])] for exemplar in exemplars]
            palette = torch.cat([quantiles(exemplar[None]) for exemplar in exemplars]).mean(0)
        self.register_buffer("palette", palette, persistent=False)
        self.depth = min(len(levels) for levels in seen)
        """Number of levels; levels for which an exemplar is too small are omitted."""
        for level in range(self.depth):
            gram, mean = (torch.cat(each).mean(0) for each in zip(*(levels[level] for levels in seen), strict=True))
            power = gram.diagonal().clamp_min(1e-6).sqrt()
            power = power.maximum(LEAST_POWER * power.square().mean().sqrt())
            kept = {"power": power, "gram": gram / torch.outer(power, power), "mean": mean / power}
            for name, tensor in kept.items():
                self.register_buffer(f"{name}{level}", tensor, persistent=False)

    def forward(self, output: Float[Tensor, "B 3 H W"], batch: TaskBatch) -> Float[Tensor, " B"]:
        palette = self.get_buffer("palette")
        of_palette = (quantiles(output) - palette).square().mean((1, 2)) / palette.var(dim=1).mean().clamp_min(1e-3)
        return torch.stack([of_palette, *self.levels(self.features(output))]).mean(0).clamp(max=LIMIT)

    def levels(self, maps: Sequence[Float[Tensor, "B _ _ _"]]) -> list[Float[Tensor, " B"]]:
        """The distance at each level of the feature network, from its maps."""
        distances = []
        for level, level_maps in enumerate(maps[: self.depth]):
            power, gram, mean = (self.get_buffer(f"{name}{level}") for name in ("power", "gram", "mean"))
            own_gram, own_mean = moments(level_maps)
            of_gram = (own_gram / torch.outer(power, power) - gram).square().sum((1, 2)) / gram.square().sum()
            of_mean = (own_mean / power - mean).square().sum(1) / mean.square().sum().clamp_min(1e-6)
            distances.append(of_gram + of_mean)
        return distances
