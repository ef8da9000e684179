"""Converts between a training's recipe and model and the header of its weights file."""

from pathlib import Path

from pydantic import ValidationError

from prismgan.errors import WeightsError
from prismgan.models import MODELS, Model
from prismgan.recipes.recipe import Recipe
from prismgan.weights import FORMAT, HeadEntry, Header, Weights


def header(recipe: Recipe, step: int) -> Header:
    fixed = {} if recipe.model.varies else {"latent": False}
    tasks = tuple(HeadEntry.of(task).model_copy(update=fixed) for task in recipe.all_tasks())
    kind, sizes, plain = recipe.model.kind, recipe.model.generator, recipe.model_dump(mode="json")
    return Header(format=FORMAT, title=recipe.name, step=step, tasks=tasks, kind=kind, generator=sizes, recipe=plain)


def recipe_of(header: Header, origin: Path | str) -> Recipe:
    """The recipe in a header; ``origin`` names the weights in errors."""
    try:
        return Recipe.model_validate(header.recipe)
    except ValidationError:
        fault = "the recipe in these weights is from another version"
        raise WeightsError(f"{origin}: {fault}; use the prismgan that wrote it") from None


def trained_model(weights: Weights) -> Model:
    """The model with all networks in the file, for inference and not for further training.

    >>> from prismgan.weights import load_weights
    >>> model = trained_model(load_weights("runs/compare/weights.safetensors"))  # doctest: +SKIP
    >>> model.anomaly_score(sources)  # of a GANomaly, (B,); sources (B, 3, H, W) in [-1, 1] # doctest: +SKIP

    Raises WeightsError if the tensors do not fit the description, or another version of prismgan wrote it."""
    recipe = recipe_of(weights.header, weights.path)
    if header(recipe, weights.header.step).tasks != weights.header.tasks:
        fault = "its heads do not match those that this version builds from its recipe"
        raise WeightsError(f"{weights.path}: {fault}; use the prismgan that wrote it, or train again")
    model = MODELS[recipe.model.kind](recipe.model, recipe.all_tasks(), None, steps=recipe.training.steps)
    for name, network in {"generator": model.generator, **model.networks}.items():
        if name == "generator" or weights.part(name):
            weights.fill(network, name)
    return model
