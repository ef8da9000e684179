"""What the weights of a training say of themselves, and the recipe that they were trained with."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from prismgan.errors import WeightsError
from prismgan.recipes.recipe import Recipe
from prismgan.weights import FORMAT, HeadEntry, Header

__all__ = ["header", "recipe_of"]


def header(recipe: Recipe, step: int) -> Header:
    """The header of a recipe's weights after so many steps."""
    return Header(
        format=FORMAT,
        title=recipe.name,
        step=step,
        tasks=tuple(
            entry if recipe.model.varies else entry.model_copy(update={"latent": False})
            for entry in map(HeadEntry.of, recipe.all_tasks())
        ),
        kind=recipe.model.kind,
        generator=recipe.model.generator,
        recipe=recipe.model_dump(mode="json"),
    )


def recipe_of(header: Header, origin: Path | str) -> Recipe:
    """The recipe in a header; ``origin`` names the weights in errors.

    Raises:
        WeightsError: another version of prismgan wrote it.
    """
    try:
        return Recipe.model_validate(header.recipe)
    except ValidationError:
        raise WeightsError(
            f"{origin}: the recipe in these weights is not one of this version; use the prismgan that wrote it"
        ) from None
