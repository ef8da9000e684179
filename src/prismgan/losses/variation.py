"""Losses on two outputs for one photo: they should differ for two latents, and agree if the photo moves slightly.
Diversity prevents a generator with a content loss from ignoring z; after Mao et al., "Mode seeking GANs" (2019), and
StarGAN v2 (Choi et al. 2020, eq. 3). Temporal consistency reduces flicker in videos: Zheng, Song, Leung, Goodfellow,
"Improving the robustness of deep neural networks via stability training" (2016)."""

from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

NOISE = 6.0  # largest sigma of the noise, in units of 0..255
Images = Float[Tensor, "B 3 sH sW"]


@dataclass(frozen=True)
class Disturbance:
    """A small shift, and noise."""

    down: int
    right: int
    sigma: float

    @classmethod
    def draw(cls, random: torch.Generator, cell: int) -> Self:
        """A random non-zero shift within a cell of the network, ``cell`` pixels wide, and random noise."""
        place = 1 + int(torch.randint(cell**2 - 1, (), generator=random))
        return cls(*divmod(place, cell), NOISE * float(torch.rand((), generator=random)))

    def apply(self, source: Float[Tensor, "B 3 H W"], random: torch.Generator) -> Float[Tensor, "B 3 H W"]:
        """The source, shifted up and to the left with replicated borders, and with noise."""
        height, width = source.shape[-2:]
        moved = F.pad(source, (0, self.right, 0, self.down), mode="replicate")[..., -height:, -width:]
        noise = torch.randn(source.shape, generator=random).to(source.device)
        return (moved + self.sigma / 127.5 * noise).clamp(-1, 1)


def temporal_consistency(
    output: Images, other: Images, disturbance: Disturbance, scale: int = 1
) -> Float[Tensor, " B"]:
    """Mean absolute difference between the output and the output for the disturbed source, where they overlap and away
    from the border. ``scale`` is the side of the outputs divided by that of the source."""
    height, width = output.shape[-2:]
    down, right, margin = scale * disturbance.down, scale * disturbance.right, min(height, width) // 8
    still = output[..., margin + down : height - margin, margin + right : width - margin]
    moved = other[..., margin : height - margin - down, margin : width - margin - right]
    return (still - moved).abs().flatten(1).mean(1)


def diversity(output: Images, other: Images, *, target: float = 0.2) -> Float[Tensor, " B"]:
    """The fraction, from 0 to 1, by which the mean absolute difference of the outputs for two latents falls short of
    ``target``, in units of [-1, 1], over 4x4 averages. Deviation: the papers reward difference without bound."""
    difference = (F.avg_pool2d(output.float(), 4) - F.avg_pool2d(other.float(), 4)).abs().flatten(1).mean(1)
    return F.relu(1 - difference / target)
