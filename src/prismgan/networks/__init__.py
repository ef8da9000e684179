"""Networks: they know no task, no loss and no file."""

from prismgan.networks.discriminator import Discriminator, DiscriminatorConfig, Judgement
from prismgan.networks.generator import Features, Generator, GeneratorConfig, HeadSpec
from prismgan.networks.perceptual import RandomFeatures

__all__ = [
    "Discriminator",
    "DiscriminatorConfig",
    "Features",
    "Generator",
    "GeneratorConfig",
    "HeadSpec",
    "Judgement",
    "RandomFeatures",
]
