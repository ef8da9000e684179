"""Errors of `prismgan compare`: one line, exit code 2, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

MakeRecipe = Callable[..., Path]
Refused = Callable[..., str]


def test_a_missing_recipe(tmp_path: Path, refused: Refused) -> None:
    said = refused("compare", tmp_path / "nowhere.yaml", "--out", tmp_path / "out")
    assert "nowhere.yaml: no such recipe" in said


def test_an_unknown_model(tmp_path: Path, tiny_recipe: MakeRecipe, refused: Refused) -> None:
    said = refused("compare", tiny_recipe(tmp_path), "--models", "prism,cwgann", "--out", tmp_path / "out")
    assert "cwgann: unknown model; did you mean 'cwgan'?" in said
    assert "experts" in said


def test_a_wrong_variation(tmp_path: Path, tiny_recipe: MakeRecipe, refused: Refused) -> None:
    said = refused("compare", tiny_recipe(tmp_path), "--vary", "model.balancer=fixt", "--out", tmp_path / "out")
    assert "model.balancer" in said and "did you mean 'fixed'" in said


def test_no_seeds(tmp_path: Path, tiny_recipe: MakeRecipe, command: Callable[..., Any]) -> None:
    finished = command("compare", tiny_recipe(tmp_path), "--seeds", 0, "--out", tmp_path / "out")
    assert finished.code == 2
    assert "Invalid value for '--seeds'" in finished.err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_empty(tmp_path: Path, tiny_recipe: MakeRecipe, refused: Refused) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("mine")
    said = refused("compare", tiny_recipe(tmp_path), "--models", "prism", "--out", tmp_path / "out")
    assert "out: is not empty" in said and "--resume" in said


def test_nothing_to_resume(tmp_path: Path, tiny_recipe: MakeRecipe, refused: Refused) -> None:
    said = refused("compare", tiny_recipe(tmp_path), "--models", "prism", "--out", tmp_path / "out", "--resume")
    assert "out: holds no comparison to resume" in said


def test_another_recipe_is_not_resumed(tmp_path: Path, tiny_recipe: MakeRecipe, command: Any, refused: Refused) -> None:
    recipe, out = tiny_recipe(tmp_path, {"training.steps": 1}), tmp_path / "out"
    asked = ("compare", recipe, "--models", "prism", "--seeds", 1, "--out", out)
    assert command(*asked).code == 0
    assert "changed: model.rate (0.001 -> 0.01)" in refused(*asked, "--resume", "--set", "model.rate=0.01")


def test_a_recipe_of_another_kind(tmp_path: Path, tiny_recipe: MakeRecipe, refused: Refused) -> None:
    recipe = tiny_recipe(tmp_path, {"model": {"kind": "cwgan"}})
    assert "a comparison starts from 'prism'" in refused("compare", recipe, "--out", tmp_path / "out")


def test_data_that_is_not_there(tmp_path: Path, tiny_recipe: MakeRecipe, refused: Refused) -> None:
    recipe = tiny_recipe(tmp_path, {"data.train": [{"folder": "fotos"}]})
    assert "fotos" in refused("compare", recipe, "--models", "prism", "--out", tmp_path / "out")
