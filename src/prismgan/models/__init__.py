"""Models: what trains itself on batches. They have one base, so nothing else has to tell them apart.

To add one: a file with a :class:`Model` and its configuration, and its name in :data:`MODELS`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from jaxtyping import Float
from torch import Tensor

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
from prismgan.tasks import Task


def kind_of(config: type[ModelConfig]) -> str:
    """What a configuration's ``kind`` says in a recipe."""
    kind: str = get_args(config.model_fields["kind"].annotation)[0]
    return kind


MODELS: dict[str, type[Model]] = {kind_of(model.config_type): model for model in (Prism, CVAE, CGANomaly, CWGAN, CoGan)}
"""Every kind by its name in a recipe; the first is ours."""

PHOTO_MODELS = {kind: model for kind, model in MODELS.items() if model.config_type.source == "photo"}
"""Those that read photos, and can be compared with each other."""


def build(
    config: ModelConfig,
    tasks: Sequence[Task],
    exemplars: Mapping[str, Sequence[Float[Tensor, "3 H W"]]] | None,
    *,
    steps: int,
    **settings: Any,
) -> Model:
    """The model that a recipe describes; see :class:`Model` for the arguments."""
    return MODELS[config.kind](config, tasks, exemplars, steps=steps, **settings)
