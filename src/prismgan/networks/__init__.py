"""Networks: they know no task, no loss and no file."""

from prismgan.networks.discriminator import Discriminator, DiscriminatorConfig, Judgement
from prismgan.networks.generator import Features, Generator, GeneratorConfig, HeadSpec
from prismgan.networks.perceptual import FeatureNetwork, default_features, find_features, load_features, load_squeeze

__all__ = [
    "Discriminator",
    "DiscriminatorConfig",
    "FeatureNetwork",
    "Features",
    "Generator",
    "GeneratorConfig",
    "HeadSpec",
    "Judgement",
    "default_features",
    "find_features",
    "load_features",
    "load_squeeze",
]
