"""Models: networks with their training step. They share a base class, so no other code depends on the kind. To add
one, write a file with a :class:`Model` and its configuration, and add it to :data:`MODELS`."""

from prismgan.models.adversary import Adversary, AdversaryConfig
from prismgan.models.cganomaly import CGANomaly
from prismgan.models.cogan import CoGan
from prismgan.models.config import ModelConfig, head_specs
from prismgan.models.cvae import CVAE
from prismgan.models.cwgan import CWGAN
from prismgan.models.model import Model
from prismgan.models.prism import Prism, PrismConfig
from prismgan.models.step import AdversarialBatch

MODELS: dict[str, type[Model]] = {
    model.config_type.model_fields["kind"].default: model for model in (Prism, CVAE, CGANomaly, CWGAN, CoGan)
}
"""All kinds of model, by their names in a recipe; the first is ours."""
