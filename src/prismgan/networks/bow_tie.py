"""The generator of the conditional GANomaly: what the coarsest level knows goes through a narrow latent map."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from prismgan.networks.blocks import SLOPE, convolution
from prismgan.networks.conditional import Conditional, ConditionalConfig, ConditionalGenerator
from prismgan.networks.task_generator import HeadSpec, Positive

__all__ = ["BowTieConfig", "BowTieGenerator"]


class BowTieConfig(ConditionalConfig):
    """Size of a generator with a narrow latent between encoder and decoder."""

    latent: Positive = 32
    """Channels of the latent map, which is what the picture has to go through. There is no z to vary a look with."""
    skips: bool = True
    """Whether the decoder sees the encoder's finer maps too (Akcay et al., "Skip-GANomaly", 2019). If not, all goes
    through the latent, as in the paper of 2018, and neither noise nor detail fits through."""


class BowTieGenerator(ConditionalGenerator):
    """Encoder G_E and decoder G_D of Akcay et al. (2018), section 3.1, the decoder told the task.

    As everywhere here the output is added to the enlarged source; and z is a map and not a vector, so that pictures may
    have any size.
    """

    def __init__(self, config: BowTieConfig, specs: Sequence[HeadSpec]) -> None:
        super().__init__(config, specs, skips=config.skips)
        self.narrow = convolution(config.widths[-1], config.latent, size=1)
        self.widen = convolution(config.latent, config.widths[-1], size=1)

    def z(self, encoded: Conditional) -> Float[Tensor, "B Z h w"]:
        """G_E(source)."""
        return self.narrow(F.leaky_relu(encoded.maps[-1], SLOPE))

    def between(
        self, encoded: Conditional, name: str, latent: Float[Tensor, "B Z"]
    ) -> tuple[Float[Tensor, "B D h w"], Float[Tensor, "B C"]]:
        return self.widen(self.z(encoded)), self.codes[name]
