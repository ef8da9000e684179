"""Tasks with separate rows: the steps that train them, and their data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from prismgan import data
from prismgan.batch import Batch
from prismgan.errors import RecipeError
from prismgan.recipes.recipe import training_parts
from prismgan.recipes.text import load

TinyRecipe = Callable[..., Path]
ENLARGING = {"share": 0.25, "batch_size": 3, "crop": 64}
TASKS = ("restore", "enlarge", "paint")
PAINTING = {"share": 0.5, "batch_size": 1, "crop": 64}


def _batches(path: Path, steps: int, *overrides: str) -> list[Batch]:
    recipe = load(path, overrides)
    train, _ = data.split(data.rows(recipe.data), recipe.data)
    return list(data.batches(training_parts(recipe, train, seed=0), 0, steps, workers=0))


def test_every_task_is_trained_on_its_own_rows(tmp_path: Path, tiny_recipe: TinyRecipe) -> None:
    settings = {"training.enlarging": ENLARGING, "training.painting": PAINTING, "degradation.clean": 0.0}
    batches = _batches(tiny_recipe(tmp_path, settings), 8)
    of = {name: [batch for batch in batches if name in batch.targets or name in batch.examples] for name in TASKS}
    assert {name: len(found) for name, found in of.items()} == {"restore": 2, "enlarge": 2, "paint": 4}
    assert sum(len(found) for found in of.values()) == len(batches), "no step has tasks of two sorts"
    assert {batch.source.shape for batch in of["enlarge"]} == {torch.Size([3, 3, 64, 64])}
    assert {batch.source.shape for batch in of["paint"]} == {torch.Size([1, 3, 64, 64])}
    assert all(torch.equal(batch.source, batch.reference) for batch in of["enlarge"]), "not told to degrade"
    assert not any(torch.equal(batch.source, batch.reference) for batch in of["restore"])


def test_restoration_has_the_crops_that_it_has_beside_enlargement(tmp_path: Path, tiny_recipe: TinyRecipe) -> None:
    shared = _batches(tiny_recipe(tmp_path), 2)
    own = _batches(tiny_recipe(tmp_path, {"training.enlarging": ENLARGING}), 8)
    alone = [batch for batch in own if "restore" in batch.targets][:2]
    for first, second in zip(shared, alone, strict=True):
        assert torch.equal(first.source, second.source)


@pytest.mark.parametrize("only", TASKS)
def test_an_expert_trains_in_every_step(only: str, tmp_path: Path, tiny_recipe: TinyRecipe) -> None:
    path = tiny_recipe(tmp_path, {"training.enlarging": ENLARGING, "training.painting": PAINTING})
    batches = _batches(path, 3, f"only=[{only}]")
    assert all(only in batch.targets or only in batch.examples for batch in batches)


def test_shares_that_leave_nothing_are_refused(tmp_path: Path, tiny_recipe: TinyRecipe) -> None:
    settings: dict[str, Any] = {"training.enlarging": {**ENLARGING, "share": 0.5}, "training.painting": PAINTING}
    with pytest.raises(RecipeError, match="shares of painting and enlarging leave no steps for the other tasks"):
        load(tiny_recipe(tmp_path, settings))
