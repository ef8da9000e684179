"""A model as a training left it, from its weights file."""

from __future__ import annotations

from prismgan.errors import WeightsError
from prismgan.models import Model, build
from prismgan.recipes.header import header, recipe_of
from prismgan.weights import Weights

__all__ = ["trained_model"]


def trained_model(weights: Weights) -> Model:
    """The model with all networks that the file holds, to be used and not to be trained on.

    >>> from prismgan.weights import load_weights
    >>> model = trained_model(load_weights("runs/compare/weights.safetensors"))  # doctest: +SKIP
    >>> model.anomaly_score(sources)  # of a GANomaly, (B,); sources (B, 3, H, W) in [-1, 1] # doctest: +SKIP

    Raises:
        WeightsError: the tensors do not fit the description, or another version of prismgan wrote it.
    """
    recipe = recipe_of(weights.header, weights.path)
    if header(recipe, weights.header.step).tasks != weights.header.tasks:
        raise WeightsError(
            f"{weights.path}: this version's heads for the tasks of its recipe are not those in the file; use the "
            "prismgan that wrote it, or train again"
        )
    model = build(recipe.model, recipe.all_tasks(), None, steps=recipe.training.steps)
    for name, network in {"generator": model.generator, **model.networks}.items():
        if name == "generator" or weights.part(name):
            weights.fill(network, name)
    return model
