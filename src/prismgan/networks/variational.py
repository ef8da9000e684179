"""The generator of the conditional VAE: what the decoder starts from holds a latent map, whose distribution a prior
network reads from the source."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from prismgan.networks.blocks import SLOPE, ResidualBlock, convolution, zero_
from prismgan.networks.conditional import Conditional, ConditionalConfig, ConditionalGenerator
from prismgan.networks.gaussian import Gaussian
from prismgan.networks.task_generator import HeadSpec

__all__ = ["VariationalGenerator"]


class VariationalGenerator(ConditionalGenerator):
    """Prior p(z | source, task) and decoder p(output | source, z, task) of Sohn et al. (2015), eq. 4.

    z has channels at every position of the coarsest level, so that it says what is where, and a tile of a picture is
    rendered as the whole is. What is rendered is the prior's mean, as in the paper's section 4.1. A task that varies is
    rendered from another point of the prior: ``latent`` (B, Z) says how many standard deviations from its mean, the
    same at every position. (A point drawn anew at every position, as training has it, is :meth:`start` with noise.)
    """

    def __init__(self, config: ConditionalConfig, specs: Sequence[HeadSpec]) -> None:
        super().__init__(config, specs, layers=2)
        width = config.widths[-1]
        self.reader = ResidualBlock(width, config.code)
        self.prior = zero_(convolution(width, 2 * config.latent, size=1))
        self.widen = convolution(config.latent, width, size=1)

    def prior_of(self, encoded: Conditional, name: str) -> Gaussian:
        """p(z | source, task)."""
        maps = self.reader(encoded.maps[-1], self.codes[name])
        return Gaussian.of(self.prior(F.leaky_relu(maps, SLOPE)))

    def start(
        self, encoded: Conditional, name: str, z: Float[Tensor, "B Z h w"]
    ) -> tuple[Float[Tensor, "B D h w"], Float[Tensor, "B C"]]:
        """What the decoder starts from and is told, for the task and a latent map."""
        return encoded.maps[-1] + self.widen(z), self.codes[name]

    def between(
        self, encoded: Conditional, name: str, latent: Float[Tensor, "B Z"]
    ) -> tuple[Float[Tensor, "B D h w"], Float[Tensor, "B C"]]:
        prior = self.prior_of(encoded, name)
        z = prior.at(latent[..., None, None]) if self.specs[name].latent else prior.mean
        return self.start(encoded, name, z)
