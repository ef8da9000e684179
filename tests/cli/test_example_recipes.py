"""Recipes: the examples, the schema, settings from the command line, and where paths are relative to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prismgan.tasks import KINDS
from prismgan.training.recipe import Recipe, load, to_yaml

FOLDER = Path(__file__).parents[2] / "recipes"
EXAMPLES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_loads(path: Path) -> None:
    recipe = load(path)
    assert recipe.name == path.stem.replace("-", " ")
    assert [task.name for task in recipe.all_tasks()]
    assert path.read_text().startswith("# ")
    assert re.search(rf"prismgan (train|compare) recipes/{path.name} --(run|out) runs/{path.stem}\b", path.read_text())


def test_there_are_examples() -> None:
    assert {"quick", "own-photos", "paired"} <= {path.stem for path in EXAMPLES}


def test_paths_are_relative_to_the_recipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    own = load(FOLDER / "own-photos.yaml")
    assert own.data.train[0].folder == str(FOLDER / "photos")
    (exemplar,) = next(task for task in own.all_tasks() if task.kind == "style").exemplars
    assert exemplar == str(FOLDER / "painting.jpg")
    assert load(FOLDER / "paired.yaml").data.train[0].manifest == str(FOLDER / "pairs.csv")
    (exemplar,) = next(task for task in load(FOLDER / "quick.yaml").all_tasks() if task.kind == "style").exemplars
    assert exemplar == "builtin:swirl"


def test_the_example_of_pairs_fits_data_of_the_form_it_describes(
    tmp_path: Path, draw_picture: Callable[..., Path], command: Callable[..., Any]
) -> None:
    text = (FOLDER / "paired.yaml").read_text()
    (tmp_path / "paired.yaml").write_text(text)
    table = [line.lstrip("# ").removeprefix("recipes/pairs.csv:").strip() for line in text.splitlines()]
    start = next(index for index, line in enumerate(table) if line.startswith("picture,"))
    (tmp_path / "pairs.csv").write_text("\n".join(table[start : start + 4]) + "\n")
    for number, name in enumerate({cell for line in table[start : start + 4] for cell in line.split(",")}):
        if name.endswith(".png"):
            draw_picture(tmp_path / name, 80, 90, number)
    finished = command("data", "check", tmp_path / "paired.yaml")
    assert finished.code == 0, finished.err
    assert "depth 1, retouch 2, pencil 2" in finished.out
    assert command("train", tmp_path / "paired.yaml", "--run", tmp_path / "run", "--steps", 1).code == 0


def test_settings_change_values(tiny_recipe: Callable[..., Path], tmp_path: Path) -> None:
    settings = [
        "tasks.paint.weight=2",
        "tasks.0.pixel_weight=7",
        "model.rate=1e-4",
        "model.adversary.stages=two",
        "model.clip=null",
        "model.generator.widths=[4, 8]",
        "evaluation.conditions.noise-25.noise=10",
        "degradation.jpeg.probability=1",
    ]
    recipe = load(tiny_recipe(tmp_path), settings)
    assert [task.weight for task in recipe.all_tasks()] == [1, 1, 2]
    assert recipe.all_tasks()[0].losses[0].weight == 7
    assert recipe.model.rate == 1e-4
    assert recipe.model.adversary.stages == "two"
    assert recipe.model.clip is None
    assert recipe.model.generator.widths == (4, 8)
    assert recipe.evaluation.conditions[1].noise == 10
    assert recipe.degradation is not None
    assert recipe.degradation.jpeg is not None


def test_settings_of_the_command_line_reach_the_run(
    tiny_recipe: Callable[..., Path], tmp_path: Path, command: Callable[..., Any]
) -> None:
    arguments = ("--set", "tasks.paint.weight=2", "--set", "seed=3", "--steps", 1)
    assert command("train", tiny_recipe(tmp_path), "--run", tmp_path / "run", *arguments).code == 0
    resolved = load(tmp_path / "run" / "recipe.yaml")
    assert resolved.tasks[2].weight == 2
    assert resolved.seed == 3
    assert resolved.training.steps == 1


def test_a_resolved_recipe_is_the_same_recipe(tiny_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe = load(tiny_recipe(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "resolved.yaml").write_text(to_yaml(recipe))
    assert load(tmp_path / "elsewhere" / "resolved.yaml") == recipe


# -- schema ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema(command: Callable[..., Any]) -> dict[str, Any]:
    finished = command("recipe", "schema")
    assert finished.code == 0
    found: dict[str, Any] = json.loads(finished.out)
    return found


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from nodes(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from nodes(value)


def test_the_schema_holds_together(schema: dict[str, Any]) -> None:
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["properties"]) == set(Recipe.model_fields)
    known = {f"#/$defs/{name}" for name in schema["$defs"]}
    references = {node["$ref"] for node in nodes(schema) if isinstance(node.get("$ref"), str)}
    assert references <= known
    types = {"object", "array", "string", "integer", "number", "boolean", "null"}
    assert {node["type"] for node in nodes(schema) if isinstance(node.get("type"), str)} <= types
    kinds = schema["properties"]["tasks"]["items"]["discriminator"]["mapping"]
    assert set(kinds) == {kind.model_fields["kind"].default for kind in KINDS}


def test_the_schema_refuses_unknown_keys_and_describes_every_field(schema: dict[str, Any]) -> None:
    described = {f"#/$defs/{name}" for name, part in schema["$defs"].items() if part.get("description")}
    for name, part in [("Recipe", schema), *schema["$defs"].items()]:
        assert part["additionalProperties"] is False, name
        for field, entry in part["properties"].items():
            explained = entry.get("description") or entry.get("$ref") in described or "const" in entry
            assert explained, f"{name}.{field}"
