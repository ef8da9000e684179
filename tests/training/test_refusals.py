"""Trainings that must not start, because they would fail at once or overwrite the user's files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from prismgan.errors import DataError, RecipeError
from prismgan.recipes.text import load
from prismgan.training.trainer import Trainer

MakeRecipe = Callable[..., Path]
Command = Callable[..., Any]


def test_a_domain_that_is_not_there_leaves_no_run(tmp_path: Path, tiny_recipe: MakeRecipe) -> None:
    tasks = [{"name": "restore", "kind": "restore"}, {"name": "drawn", "kind": "cartoon", "pictures": ["nowhere"]}]
    recipe = load(tiny_recipe(tmp_path, {"tasks": tasks}))
    with pytest.raises(DataError, match=r"nowhere: no such file"):
        Trainer(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_photos_that_are_all_unreadable_leave_no_run(tmp_path: Path, tiny_recipe: MakeRecipe) -> None:
    recipe = load(tiny_recipe(tmp_path))
    for photo in (tmp_path / "photos").iterdir():
        photo.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"none of the \d training pictures can be read"):
        Trainer(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_with_files_of_the_users_is_no_run_folder(tmp_path: Path, tiny_recipe: MakeRecipe) -> None:
    path = tiny_recipe(tmp_path)
    before = path.read_text()
    with pytest.raises(RecipeError, match="is not empty, and holds no training"):
        Trainer(load(path), tmp_path)
    assert path.read_text() == before


def test_only_tasks_of_the_recipe_can_be_trained_alone(tmp_path: Path, tiny_recipe: MakeRecipe) -> None:
    path = tiny_recipe(tmp_path)
    with pytest.raises(RecipeError, match=r"only: no task is named 'restor'; did you mean 'restore'\?"):
        load(path, ["only=[restor]"])
    with pytest.raises(RecipeError, match="only"):
        load(path, ["only=[]"])
    assert [task.name for task in load(path, ["only=[paint, restore]"]).all_tasks()] == ["restore", "paint"]


def test_recipes_that_cannot_learn_are_refused(tmp_path: Path, tiny_recipe: MakeRecipe) -> None:
    path = tiny_recipe(tmp_path)
    with pytest.raises(RecipeError, match="'restore': the weights of all its losses are 0"):
        load(path, ["tasks.restore.pixel_weight=0", "tasks.restore.adversarial_weight=0"])
    with pytest.raises(RecipeError, match="too few for a discriminator of 6 levels; use at least 128"):
        load(path, ["model.adversary.discriminator.levels=6"])


def test_a_training_is_as_long_as_one_option_says(tmp_path: Path, tiny_recipe: MakeRecipe, command: Command) -> None:
    recipe = tiny_recipe(tmp_path)
    both = ("--minutes", 1, "--steps", 3)
    added = (
        "add-task",
        "--name",
        "mine",
        "--exemplar",
        tmp_path / "painting.png",
        "--out",
        tmp_path / "new.safetensors",
    )
    for refused in (command("train", recipe, "--run", tmp_path / "run", *both), command(*added, *both)):
        assert (refused.code, len(refused.err.splitlines())) == (2, 1)
        assert "--minutes and --steps: " in refused.err


@pytest.mark.parametrize("field", ["training.mirror", "model.clip", "tasks.paint.latent", "data.test_fraction"])
def test_a_default_of_today_is_not_what_a_run_had(tmp_path: Path, tiny_run: Path, field: str) -> None:
    """A run of an earlier version lacks newer fields."""
    shutil.copytree(tiny_run, tmp_path / "run")
    own = tmp_path / "run" / "recipe.yaml"
    written = yaml.safe_load(own.read_text())
    place = written
    *keys, last = field.split(".")
    for key in keys:
        place = place[key] if isinstance(place, dict) else next(entry for entry in place if entry["name"] == key)
    del place[last]
    own.write_text(yaml.safe_dump(written))
    with pytest.raises(RecipeError, match=rf"recipe\.yaml: was written by an earlier .* lacks {field}; add"):
        Trainer(load(tiny_run / "recipe.yaml"), tmp_path / "run", resume=True)
    del written["evaluation"], written["training"]["log_every"]  # fields that may change may be missing
    place[last] = yaml.safe_load((tiny_run / "recipe.yaml").read_text())["training"]["mirror"]
    if field == "training.mirror":
        own.write_text(yaml.safe_dump(written))
        assert Trainer(load(tiny_run / "recipe.yaml"), tmp_path / "run", resume=True).step == 8
