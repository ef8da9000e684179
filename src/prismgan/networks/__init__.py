"""Networks: they know no task, no loss and no file."""

from prismgan.networks.classifier import Classifier as Classifier
from prismgan.networks.comparison import Bottleneck as Bottleneck
from prismgan.networks.comparison import BottleneckConfig as BottleneckConfig
from prismgan.networks.comparison import ConditionalUNet as ConditionalUNet
from prismgan.networks.comparison import VariationalGenerator as VariationalGenerator
from prismgan.networks.conditional import ConditionalConfig as ConditionalConfig
from prismgan.networks.conditional import OutputEncoder as OutputEncoder
from prismgan.networks.discriminator import Discriminator as Discriminator
from prismgan.networks.discriminator import DiscriminatorConfig as DiscriminatorConfig
from prismgan.networks.discriminator import Judgement as Judgement
from prismgan.networks.features import FeatureNetwork as FeatureNetwork
from prismgan.networks.features import LearntFeatures as LearntFeatures
from prismgan.networks.generator import Generator as Generator
from prismgan.networks.generator import GeneratorConfig as GeneratorConfig
from prismgan.networks.image_generator import ImageGenerator as ImageGenerator
from prismgan.networks.kinds import KINDS as KINDS
from prismgan.networks.latent_generator import LatentGenerator as LatentGenerator
from prismgan.networks.latent_generator import LatentGeneratorConfig as LatentGeneratorConfig
from prismgan.networks.style_branch import StyleBranchConfig as StyleBranchConfig
from prismgan.networks.task_generator import RESERVED as RESERVED
from prismgan.networks.task_generator import GeneratorSizes as GeneratorSizes
from prismgan.networks.task_generator import HeadSpec as HeadSpec
from prismgan.networks.task_generator import TaskGenerator as TaskGenerator
from prismgan.networks.task_generator import TaskName as TaskName
