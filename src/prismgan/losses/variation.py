"""Two outputs for one photo: for two latents they should differ, for a photo that moved they should not.

Diversity: without it a generator with a content loss learns to ignore z. After Mao et al., "Mode seeking GANs" (2019)
and StarGAN v2 (Choi et al. 2020, eq. 3). Steadiness, against flicker in videos: Zheng, Song, Leung, Goodfellow,
"Improving the robustness of deep neural networks via stability training" (2016).
"""

from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

NOISE = 6.0  # largest sigma of the noise, in units of 0..255


@dataclass(frozen=True)
class Disturbance:
    """A small movement, and noise."""

    down: int
    right: int
    sigma: float

    @classmethod
    def draw(cls, random: torch.Generator, cell: int) -> Self:
        """Any movement within a cell of the network, of so many pixels, but none; and any noise."""
        place = 1 + int(torch.randint(cell**2 - 1, (), generator=random))
        return cls(*divmod(place, cell), NOISE * float(torch.rand((), generator=random)))

    def apply(self, source: Float[Tensor, "B 3 H W"], random: torch.Generator) -> Float[Tensor, "B 3 H W"]:
        """The source, moved up and to the left, borders repeated, and with noise."""
        height, width = source.shape[-2:]
        moved = F.pad(source, (0, self.right, 0, self.down), mode="replicate")[..., -height:, -width:]
        noise = torch.randn(source.shape, generator=random).to(source.device)
        return (moved + self.sigma / 127.5 * noise).clamp(-1, 1)


def steadiness(
    output: Float[Tensor, "B 3 sH sW"], other: Float[Tensor, "B 3 sH sW"], disturbance: Disturbance, scale: int = 1
) -> Float[Tensor, " B"]:
    """Mean absolute difference between the output and that of the disturbed source, where both show the same, away from
    the border. ``scale`` is that of the outputs against the source."""
    height, width = output.shape[-2:]
    down, right, margin = scale * disturbance.down, scale * disturbance.right, min(height, width) // 8
    still = output[..., margin + down : height - margin, margin + right : width - margin]
    moved = other[..., margin : height - margin - down, margin : width - margin - right]
    return (still - moved).abs().flatten(1).mean(1)


def diversity(
    output: Float[Tensor, "B 3 H W"], other: Float[Tensor, "B 3 H W"], *, target: float = 0.2
) -> Float[Tensor, " B"]:
    """How much the outputs for two latents fall short of a mean absolute difference of ``target`` in [-1, 1] units,
    over 4x4 averages: 0 to 1. Deviation from the papers: they reward difference without bound; a shortfall ends by
    itself."""
    difference = (F.avg_pool2d(output.float(), 4) - F.avg_pool2d(other.float(), 4)).abs().flatten(1).mean(1)
    return F.relu(1 - difference / target)
