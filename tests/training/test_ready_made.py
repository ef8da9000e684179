"""The ready-made weights match this version, including their recipe."""

from __future__ import annotations

from pathlib import Path

from prismgan.recipes.text import load
from prismgan.recipes.weights import recipe_of
from prismgan.weights import load_weights

RECIPE = Path(__file__).parents[2] / "recipes" / "prism-8.yaml"


def test_the_recipe_in_the_ready_made_weights_is_of_this_version() -> None:
    weights = load_weights()
    recipe = recipe_of(weights.header, weights.path)
    assert [task.name for task in recipe.all_tasks()] == [entry.name for entry in weights.header.tasks]


def test_they_are_what_the_recipe_in_the_repository_makes() -> None:
    header, recipe = load_weights().header, load(RECIPE)
    assert recipe.model.generator == header.generator
    for task, entry in zip(recipe.all_tasks(), header.tasks, strict=True):
        assert entry == type(entry).of(task)
