"""Models: what trains itself on batches. They have one base, so nothing else has to tell them apart."""

from prismgan.models.adversary import Adversary, AdversaryConfig
from prismgan.models.config import ModelConfig, head_specs
from prismgan.models.fakes import Fakes
from prismgan.models.model import Model
from prismgan.models.prism import Prism, PrismConfig
from prismgan.models.registry import MODELS, PHOTO_MODELS, build, kind_of

__all__ = [
    "MODELS",
    "PHOTO_MODELS",
    "Adversary",
    "AdversaryConfig",
    "Fakes",
    "Model",
    "ModelConfig",
    "Prism",
    "PrismConfig",
    "build",
    "head_specs",
    "kind_of",
]
