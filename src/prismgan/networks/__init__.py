"""Networks. They do not depend on tasks, losses or files."""

from prismgan.networks.comparison import Bottleneck, BottleneckConfig, ConditionalUNet, Gaussian, VariationalGenerator
from prismgan.networks.conditional import Conditional, ConditionalConfig, OutputEncoder
from prismgan.networks.discriminator import Discriminator, DiscriminatorConfig, Judgement
from prismgan.networks.features import Classifier, FeatureNetwork, LearntFeatures, SqueezeFeatures
from prismgan.networks.generator import Generator, GeneratorConfig
from prismgan.networks.image_generator import ImageGenerator
from prismgan.networks.kinds import KINDS
from prismgan.networks.latent_generator import LatentGenerator, LatentGeneratorConfig
from prismgan.networks.style_branch import StyleBranchConfig
from prismgan.networks.task_generator import RESERVED, GeneratorSizes, HeadSpec, TaskGenerator, TaskName
