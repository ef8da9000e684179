"""Models: what trains itself on batches. They have one base, so nothing else has to tell them apart.

To add one: a file with a :class:`Model` and its configuration, and its name in :data:`MODELS`.
"""

from prismgan.models.adversary import Adversary as Adversary
from prismgan.models.adversary import AdversaryConfig as AdversaryConfig
from prismgan.models.cganomaly import CGANomaly
from prismgan.models.cogan import CoGan
from prismgan.models.config import ModelConfig as ModelConfig
from prismgan.models.config import head_specs as head_specs
from prismgan.models.cvae import CVAE
from prismgan.models.cwgan import CWGAN
from prismgan.models.model import Model as Model
from prismgan.models.prism import Prism as Prism
from prismgan.models.prism import PrismConfig as PrismConfig
from prismgan.models.step import AdversarialBatch as AdversarialBatch

MODELS: dict[str, type[Model]] = {
    model.config_type.model_fields["kind"].default: model for model in (Prism, CVAE, CGANomaly, CWGAN, CoGan)
}
"""Every kind by its name in a recipe; the first is ours."""
