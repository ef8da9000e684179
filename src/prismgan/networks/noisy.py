"""The generator of the conditional WGAN: what it is told is the task's vector, and z where the task varies."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from prismgan.networks.blocks import SLOPE
from prismgan.networks.conditional import Conditional, ConditionalConfig, ConditionalGenerator
from prismgan.networks.task_generator import HeadSpec

__all__ = ["NoisyGenerator"]


class NoisyGenerator(ConditionalGenerator):
    """U-shaped (Ronneberger et al. 2015), as image translation by conditional GANs has it (Isola et al. 2017)."""

    def __init__(self, config: ConditionalConfig, specs: Sequence[HeadSpec]) -> None:
        super().__init__(config, specs)
        self.mapping = nn.Sequential(
            nn.Linear(config.latent, config.code), nn.LeakyReLU(SLOPE), nn.Linear(config.code, config.code)
        )

    def between(
        self, encoded: Conditional, name: str, latent: Float[Tensor, "B Z"]
    ) -> tuple[Float[Tensor, "B D h w"], Float[Tensor, "B C"]]:
        code = self.codes[name]
        return encoded.maps[-1], code + self.mapping(latent) if self.specs[name].latent else code
