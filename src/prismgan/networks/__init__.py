"""Networks: they know no task, no loss and no file."""

from prismgan.networks.bow_tie import BowTieConfig, BowTieGenerator
from prismgan.networks.conditional import ConditionalConfig
from prismgan.networks.discriminator import Discriminator, DiscriminatorConfig, Judgement
from prismgan.networks.generator import Features, Generator, GeneratorConfig
from prismgan.networks.image_generator import GeneratorSizes, HeadSpec, ImageGenerator
from prismgan.networks.noisy import NoisyGenerator
from prismgan.networks.output_encoder import OutputEncoder
from prismgan.networks.perceptual import FeatureNetwork, default_features, find_features, load_features, load_squeeze
from prismgan.networks.variational import VariationalGenerator

__all__ = [
    "BowTieConfig",
    "BowTieGenerator",
    "ConditionalConfig",
    "Discriminator",
    "DiscriminatorConfig",
    "FeatureNetwork",
    "Features",
    "Generator",
    "GeneratorConfig",
    "GeneratorSizes",
    "HeadSpec",
    "ImageGenerator",
    "Judgement",
    "NoisyGenerator",
    "OutputEncoder",
    "VariationalGenerator",
    "default_features",
    "find_features",
    "load_features",
    "load_squeeze",
]
