"""Networks: they know no task, no loss and no file."""

from prismgan.networks.conditional import ConditionalConfig
from prismgan.networks.discriminator import Discriminator, DiscriminatorConfig, Judgement
from prismgan.networks.generator import Features, Generator, GeneratorConfig
from prismgan.networks.image_generator import HeadSpec, ImageGenerator
from prismgan.networks.noisy import NoisyGenerator
from prismgan.networks.perceptual import FeatureNetwork, default_features, find_features, load_features, load_squeeze

__all__ = [
    "ConditionalConfig",
    "Discriminator",
    "DiscriminatorConfig",
    "FeatureNetwork",
    "Features",
    "Generator",
    "GeneratorConfig",
    "HeadSpec",
    "ImageGenerator",
    "Judgement",
    "NoisyGenerator",
    "default_features",
    "find_features",
    "load_features",
    "load_squeeze",
]
