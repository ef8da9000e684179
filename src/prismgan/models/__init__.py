"""Models: what trains itself on batches. They share one protocol, so nothing else can tell them apart."""

from prismgan.models.adversary import Adversary, AdversaryConfig, Fakes
from prismgan.models.model import Model
from prismgan.models.prism import Prism, PrismConfig, head_specs

__all__ = ["Adversary", "AdversaryConfig", "Fakes", "Model", "Prism", "PrismConfig", "head_specs"]
