"""Recipes: the examples, the schema, settings from the command line, and the base of relative paths."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prismgan import recipes
from prismgan.recipes.recipe import Recipe
from prismgan.recipes.text import load, to_yaml
from prismgan.tasks import KINDS

FOLDER = Path(recipes.__file__).parent
EXAMPLES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_loads(path: Path) -> None:
    recipe = load(path)
    assert recipe.name.endswith(path.stem.replace("-", " "))
    assert [task.name for task in recipe.all_tasks()]
    assert path.read_text().startswith("# ")
    assert re.search(rf"prismgan (train|compare) recipe:{path.stem} --(run|out) runs/{path.stem}\b", path.read_text())


def test_there_are_examples() -> None:
    assert {"quick", "paired", "digits"} <= {path.stem for path in EXAMPLES}


def test_paths_are_relative_to_the_recipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "paired.yaml").write_text((FOLDER / "paired.yaml").read_text())
    assert load(Path("deep/paired.yaml")).data.train[0].manifest == str(tmp_path / "deep" / "pairs.csv")
    # The included recipes are in a folder without pictures.
    assert load(Path("recipe:paired")).data.train[0].manifest == str(tmp_path / "pairs.csv")
    (exemplar,) = next(task for task in load(FOLDER / "quick.yaml").all_tasks() if task.kind == "style").exemplars
    assert exemplar == "builtin:swirl"


def test_the_example_of_pairs_fits_data_of_the_form_it_describes(
    tmp_path: Path, draw_picture: Callable[..., Path], command: Callable[..., Any]
) -> None:
    text = (FOLDER / "paired.yaml").read_text()
    (tmp_path / "paired.yaml").write_text(text)
    table = [line.lstrip("# ").removeprefix("pairs.csv:").strip() for line in text.splitlines()]
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


# -- included recipes -----------------------------------------------------------------------------


def test_recipes_are_listed_and_shown(command: Callable[..., Any]) -> None:
    lines = command("recipe", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == [f"recipe:{path.stem}" for path in EXAMPLES]
    assert all(len(line.split()) > 4 for line in lines)
    for name in ("quick", "recipe:quick"):
        assert command("recipe", "show", name).out == (FOLDER / "quick.yaml").read_text()
    refused = command("recipe", "show", "quik")
    assert refused.code == 2
    assert "did you mean 'quick'" in refused.err


def test_a_recipe_is_named_wherever_there_is_one(
    tmp_path: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny = ("--set", "model.generator.widths=[8, 8]", "--set", "model.generator.blocks=[1, 1]", "--steps", 1)
    small = ("--set", "training.batch_size=1", "--set", "training.crop=32", "--set", "evaluation.maximum_side=32")
    assert command("train", "recipe:quick", "--run", "run", *tiny, *small).code == 0
    assert load(tmp_path / "run" / "recipe.yaml").name == "quick"
    missing = command("train", "recipes/quick.yaml", "--run", "other")
    assert missing.code == 2
    assert missing.err == "prismgan: recipes/quick.yaml: no such recipe; did you mean recipe:quick?\n"
    assert "did you mean 'quick'" in command("train", "recipe:quik", "--run", "other").err


def test_recipes_are_in_the_wheel() -> None:
    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    (package,) = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert Path(__file__).parents[2] / package / "recipes" == FOLDER


# -- a first recipe -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["photos", "my photos", "42", "é: [x] #1", "null"])
def test_a_first_recipe_fits_its_folder(
    name: str,
    tmp_path: Path,
    draw_picture: Callable[..., Path],
    command: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        draw_picture(tmp_path / name / "deep" / f"{number}.jpg", 140, 150, number)
    style = draw_picture(tmp_path / "pictures" / "Pencil.png", 90, 90, 9)
    finished = command("recipe", "init", name, "--style", style, "--style", "pictures/Pencil.png", "--out", "a.yaml")
    assert finished.code == 0, finished.err
    assert finished.out == "a.yaml\n"
    assert "3 photos; train with: prismgan train a.yaml --run runs/" in finished.err
    recipe = load(tmp_path / "a.yaml")
    assert recipe.name == name
    assert recipe.data.train[0].folder == str(tmp_path / name)
    assert [task.name for task in recipe.tasks] == ["restore", "enlarge-2x", "pencil", "pencil-2", "pencil-3"]
    assert command("data", "check", "a.yaml").out.endswith("the data fits the tasks\n")
    assert len(re.findall("#", (tmp_path / "a.yaml").read_text())) > 10


def test_a_first_recipe_trains_on_small_photos(
    tmp_path: Path, draw_picture: Callable[..., Path], command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        draw_picture(tmp_path / "photos" / f"{number}.jpg", 48, 50, number)
    alone = draw_picture(tmp_path / "one" / "a.jpg", 48, 50).parent
    assert command("recipe", "init", alone, "--out", "one.yaml").err.startswith("1 photo; train with: ")
    assert command("recipe", "init", "photos").code == 0
    recipe = load(tmp_path / "recipe.yaml")
    assert [task.name for task in recipe.tasks] == ["restore", "pencil"]  # the photos are too small to enlarge
    assert recipe.training.crop == 32
    tiny = ("--set", "model.generator.widths=[8, 8]", "--set", "model.generator.blocks=[1, 1]", "--steps", 1)
    assert command("train", "recipe.yaml", "--run", "run", *tiny, "--set", "training.batch_size=1").code == 0


def test_a_first_recipe_is_refused(
    tmp_path: Path, draw_picture: Callable[..., Path], refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    draw_picture(tmp_path / "photos" / "a.jpg", 64, 64)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.jpg").write_text("no picture")
    (tmp_path / "recipe.yaml").write_text("mine")
    assert "recipe.yaml: already exists and is not replaced" in refused("recipe", "init", "photos")
    assert "there is no folder nowhere" in refused("recipe", "init", "photos", "--out", "nowhere/a.yaml")
    assert "fotos: no such folder" in refused("recipe", "init", "fotos", "--out", "a.yaml")
    assert "none of its 1 pictures can be read" in refused("recipe", "init", "broken", "--out", "a.yaml")
    style = ("--style", "painting.jpg", "--out", "a.yaml")
    assert "painting.jpg: no such file" in refused("recipe", "init", "photos", *style)


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
