"""The generator of the conditional GANomaly: everything that the decoder knows goes through a narrow latent map."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from prismgan.networks.blocks import SLOPE, convolution
from prismgan.networks.conditional import Conditional, ConditionalConfig, ConditionalGenerator
from prismgan.networks.image_generator import HeadSpec

__all__ = ["BowTieGenerator"]


class BowTieGenerator(ConditionalGenerator):
    """Encoder G_E and decoder G_D of Akcay et al. (2018), section 3.1, the decoder told the task.

    There are no skips, but as everywhere here the output is added to the enlarged source; and z is a map and not a
    vector, so that pictures may have any size.
    """

    def __init__(self, config: ConditionalConfig, specs: Sequence[HeadSpec]) -> None:
        super().__init__(config, specs, skips=False)
        self.narrow = convolution(config.widths[-1], config.latent, size=1)
        self.widen = convolution(config.latent, config.widths[-1], size=1)

    def z(self, encoded: Conditional) -> Float[Tensor, "B Z h w"]:
        """G_E(source)."""
        return self.narrow(F.leaky_relu(encoded.maps[-1], SLOPE))

    def between(
        self, encoded: Conditional, name: str, latent: Float[Tensor, "B Z"]
    ) -> tuple[Float[Tensor, "B D h w"], Float[Tensor, "B C"]]:
        return self.widen(self.z(encoded)), self.codes[name]
