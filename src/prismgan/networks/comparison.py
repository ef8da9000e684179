"""Generators of the conditional VAE, the conditional GANomaly and the conditional WGAN."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.networks.blocks import SLOPE, ResidualBlock, convolution, zero_
from prismgan.networks.conditional import Conditional, ConditionalConfig, ConditionalGenerator, Start
from prismgan.networks.task_generator import HeadSpec, Latent, Positive

LIMIT = 10.0  # bound of absolute log-variances: variances from 5e-5 to 2e4, whose quotients float32 can represent


class Gaussian(NamedTuple):
    """N(mean, exp(log_variance))."""

    mean: Float[Tensor, "B Z h w"]
    log_variance: Float[Tensor, "B Z h w"]

    @classmethod
    def of(cls, maps: Float[Tensor, "B C h w"]) -> Self:
        """The Gaussian whose mean and log-variance are the two halves of the channels, in float32 or wider."""
        mean, log_variance = maps.to(torch.promote_types(maps.dtype, torch.float32)).chunk(2, dim=1)
        return cls(mean, LIMIT * torch.tanh(log_variance / LIMIT))

    def at(self, noise: Float[Tensor, "_ Z _ _"]) -> Float[Tensor, "B Z h w"]:
        """The sample for a standard normal ``noise`` (reparameterisation, Kingma & Welling 2014, section 2.4)."""
        return self.mean + torch.exp(0.5 * self.log_variance) * noise


class VariationalGenerator(ConditionalGenerator):
    """Prior p(z | source, task) and decoder p(output | source, z, task) of Sohn et al. (2015), eq. 4. z is a map at the
    coarsest level, so tiles agree with the whole picture. Rendering uses the prior's mean, as in section 4.1; for a
    task that varies, ``latent`` (B, Z) is the distance from the mean in standard deviations, by channel."""

    def __init__(self, config: ConditionalConfig, specs: Sequence[HeadSpec]) -> None:
        super().__init__(config, specs, layers=2)
        width = config.widths[-1]
        self.reader = ResidualBlock(width, config.code)
        self.prior = zero_(convolution(width, 2 * config.latent, size=1))
        self.widen = convolution(config.latent, width, size=1)

    def prior_of(self, encoded: Conditional, name: str) -> Gaussian:
        return Gaussian.of(self.prior(F.leaky_relu(self.reader(encoded.maps[-1], self.codes[name]), SLOPE)))

    def start(self, encoded: Conditional, name: str, z: Float[Tensor, "B Z h w"]) -> Start:
        return encoded.maps[-1] + self.widen(z), self.codes[name]

    def between(self, encoded: Conditional, name: str, latent: Latent) -> Start:
        prior = self.prior_of(encoded, name)
        z = prior.at(latent[..., None, None]) if self.specs[name].latent else prior.mean
        return self.start(encoded, name, z)


class BottleneckConfig(ConditionalConfig):
    """Size of a generator with a narrow latent between encoder and decoder."""

    latent: Positive = 32
    """Channels of the latent map between encoder and decoder. There is no z, so outputs do not vary."""
    skips: bool = True
    """Whether the decoder also receives the encoder's finer maps (Akcay et al., "Skip-GANomaly", 2019). Otherwise all
    information passes through the latent, as in the 2018 paper; the latent is too narrow for noise and detail."""


class Bottleneck(ConditionalGenerator):
    """Encoder G_E and decoder G_D of Akcay et al. (2018), section 3.1, with the decoder conditioned on the task. The
    output is added to the enlarged source, and z is a map and not a vector, so that pictures may have any size."""

    def __init__(self, config: BottleneckConfig, specs: Sequence[HeadSpec]) -> None:
        super().__init__(config, specs, skips=config.skips)
        self.narrow = convolution(config.widths[-1], config.latent, size=1)
        self.widen = convolution(config.latent, config.widths[-1], size=1)

    def z(self, encoded: Conditional) -> Float[Tensor, "B Z h w"]:
        return self.narrow(F.leaky_relu(encoded.maps[-1], SLOPE))

    def between(self, encoded: Conditional, name: str, latent: Latent) -> Start:
        return self.widen(self.z(encoded)), self.codes[name]


class ConditionalUNet(ConditionalGenerator):
    """A U-Net (Ronneberger et al. 2015), as used for image translation with conditional GANs (Isola et al. 2017)."""

    def __init__(self, config: ConditionalConfig, specs: Sequence[HeadSpec]) -> None:
        super().__init__(config, specs)
        first, second = nn.Linear(config.latent, config.code), nn.Linear(config.code, config.code)
        self.mapping = nn.Sequential(first, nn.LeakyReLU(SLOPE), second)

    def between(self, encoded: Conditional, name: str, latent: Latent) -> Start:
        code = self.codes[name]
        return encoded.maps[-1], code + self.mapping(latent) if self.specs[name].latent else code
