"""Recipes that are harmful, on purpose or by accident: a few short lines, quickly, and no traceback."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prismgan.errors import RecipeError
from prismgan.recipes.text import load

WriteRecipe = Callable[..., Path]
BOMB = "\n".join(
    [
        "a: &a [x, x, x, x, x, x, x, x, x]",
        *(f"{n}: &{n} [{', '.join([f'*{m}'] * 9)}]" for m, n in zip("abcdefghi", "bcdefghij", strict=True)),
    ]
)
HARMFUL = {
    "a date that is none": ("name: !!timestamp x", "recipe.yaml: is not valid YAML (a value does not have the type"),
    "a month that is none": ("name: 2024-13-45", "recipe.yaml: is not valid YAML (a value does not have the type"),
    "a truth value that is none": ("name: !!bool x", "recipe.yaml: is not valid YAML (a value does not have the type"),
    "a number that is none": ("seed: !!int x", "recipe.yaml: is not valid YAML (a value does not have the type"),
    "a number of 5000 digits": (
        "seed: " + "9" * 5000,
        "recipe.yaml: is not valid YAML (a value does not have the type",
    ),
    "no object of Python": ("name: !!python/object:os.system x", "recipe.yaml:1: is not valid YAML"),
    "nested lists": ("name: " + "[" * 5000, "recipe.yaml: is not valid YAML (it is nested too deeply"),
    "nested mappings": ("{a: " * 5000, "recipe.yaml: is not valid YAML (it is nested too deeply"),
    "a long name": (
        "name: " + "x" * 1_000_000,
        "recipe.yaml: name: string should have at most 80 characters, found 'xxx",
    ),
    "a long key": ("x" * 1000 + ": 1", "unknown key 'xxx"),
    "a key twice": ("seed: 1\nname: x\nseed: 2", "recipe.yaml:3: is not valid YAML (the key 'seed' is given twice)"),
    "many keys": ("\n".join(f"k{n}: 1" for n in range(3000)), "unknown key 'k0'"),
    "many faults": ("tasks: [" + "5, " * 500 + "5]", "more faults"),
    "a bomb of references": (BOMB + "\ntasks: *j\nseed: *j\nonly: *j", "unknown key 'a'"),
    "a reference to itself": ("&a [*a]", "expected a mapping"),
    "a task of itself": ("tasks: &a [*a]\ndata: {train: [{builtin: photos}]}", "tasks.0: "),
}


@pytest.mark.parametrize("case", HARMFUL)
def test_a_harmful_recipe_is_refused_shortly_and_soon(case: str, tmp_path: Path) -> None:
    text, words = HARMFUL[case]
    (tmp_path / "recipe.yaml").write_text(text)
    started = time.process_time()
    with pytest.raises(RecipeError) as refused:
        load(tmp_path / "recipe.yaml")
    assert time.process_time() - started < 20
    assert words in str(refused.value)
    assert len(str(refused.value)) < 20_000


@pytest.mark.parametrize("value", ["!!timestamp x", "[" * 5000, "9" * 5000, "!!bool x"])
def test_a_harmful_setting_is_one_line(
    value: str, tmp_path: Path, tiny_recipe: WriteRecipe, command: Callable[..., Any]
) -> None:
    recipe = tiny_recipe(tmp_path)
    train = command("train", recipe, "--run", tmp_path / "run", "--set", f"seed={value}")
    compare = command("compare", recipe, "--out", tmp_path / "out", "--vary", f"seed={value},1")
    for refused in (train, compare):
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert "not valid YAML" in refused.err
        assert len(refused.err) < 4000
