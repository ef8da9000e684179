"""Errors that the user can fix: exit code 2, one line that names the cause, no traceback, nothing written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file

from helpers.trees import tree
from prismgan.weights import load_weights, save_weights

WriteRecipe = Callable[..., Path]
Command = Callable[..., Any]
DrawPicture = Callable[..., Path]


Refused = Callable[..., str]


# -- recipes --------------------------------------------------------------------------------------

PAINT = {"name": "paint", "kind": "style", "exemplars": ["painting.png"]}
RECIPES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unknown kind": ({"tasks": [{"name": "a", "kind": "stile"}]}, ["tasks.0.kind", "'stile'", "did you mean 'style'"]),
    "kind is missing": ({"tasks": [{"name": "a"}]}, ["tasks.0.kind", "missing", "super_resolution"]),
    "misspelt key of a task": ({"tasks": [{**PAINT, "wieght": 2}]}, ["tasks.0", "'wieght'", "did you mean 'weight'"]),
    "misspelt key": ({"training.step": 3}, ["training", "'step'", "did you mean 'steps'"]),
    "misspelt section": ({"modell": {}}, ["'modell'", "did you mean 'model'"]),
    "wrong value": ({"training.steps": "many"}, ["training.steps", "integer", "'many'"]),
    "wrong choice": ({"model.balancer": "normalized"}, ["model.balancer", "did you mean 'normalised'"]),
    "value out of range": ({"training.crop": 8}, ["training.crop", "32", "8"]),
    "not a number": ({"model.rate": float("nan")}, ["model.rate", "nan"]),
    "task name given twice": ({"tasks": [PAINT, PAINT]}, ["'paint'", "2 times"]),
    "task name with a slash": ({"tasks": [{**PAINT, "name": "../x"}]}, ["tasks.0.name", "'../x'"]),
    "two origins of pictures": (
        {"data.train": [{"folder": "photos", "builtin": "photos"}]},
        ["data.train.0", "one of"],
    ),
    "missing data folder": ({"data.train": [{"folder": "fotos"}]}, ["fotos", "no such folder"]),
    "missing exemplar": ({"tasks": [{**PAINT, "exemplars": ["a.png"]}]}, ["a.png", "no such file", "'paint'"]),
    "unknown built-in": ({"data.train": [{"builtin": "fotos"}]}, ["fotos", "did you mean 'builtin:photos'"]),
    "column of nothing": ({"tasks": [{"name": "depth", "kind": "paired"}]}, ["'depth'", "column"]),
}


@pytest.mark.parametrize("case", RECIPES)
def test_a_wrong_recipe_is_refused(case: str, tmp_path: Path, tiny_recipe: WriteRecipe, refused: Refused) -> None:
    changes, words = RECIPES[case]
    said = refused("train", tiny_recipe(tmp_path, changes), "--run", tmp_path / "run")
    for word in words:
        assert word in said


def test_a_missing_recipe(tmp_path: Path, refused: Refused) -> None:
    assert "nowhere.yaml: no such recipe" in refused("train", tmp_path / "nowhere.yaml", "--run", tmp_path / "run")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed: 1\nname: a\nseed: 2\n", [":3", "'seed'", "twice"]),
        ("tasks: [\n", ["YAML"]),
        ("- a\n", ["mapping", "tasks"]),
        ("", ["mapping", "tasks"]),
        ("name: a\n", ["data", "missing"]),
    ],
)
def test_a_recipe_that_is_none(text: str, words: list[str], tmp_path: Path, command: Command) -> None:
    (tmp_path / "r.yaml").write_text(text)
    finished = command("train", tmp_path / "r.yaml", "--run", tmp_path / "run")
    assert finished.code == 2
    assert not (tmp_path / "run").exists()
    assert all(line.startswith(f"prismgan: {tmp_path / 'r.yaml'}") for line in finished.err.splitlines())
    for word in words:
        assert word in finished.err


def test_a_picture_as_recipe(tmp_path: Path, draw_picture: DrawPicture, refused: Refused) -> None:
    said = refused("train", draw_picture(tmp_path / "a.png"), "--run", tmp_path / "run")
    assert said == f"prismgan: {tmp_path / 'a.png'}: is not a recipe, which is text in UTF-8\n"


def test_a_folder_as_recipe(tmp_path: Path, refused: Refused) -> None:
    said = refused("train", tmp_path, "--run", tmp_path / "run")
    assert said == f"prismgan: {tmp_path}: cannot be read as a recipe (Is a directory)\n"


def test_a_file_in_the_place_of_a_run(tmp_path: Path, tiny_recipe: WriteRecipe, refused: Refused) -> None:
    run = tmp_path / "run"
    run.write_text("")
    said = refused("train", tiny_recipe(tmp_path), "--run", run)
    assert said == f"prismgan: {run}: already exists and is not a folder; choose another\n"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("training.stepz=3", ["'stepz'", "did you mean 'steps'"]),
        ("tasks.pant.weight=3", ["'pant'", "did you mean 'paint'"]),
        ("tasks.paint=3", ["which key"]),
        ("name.x=3", ["name has no keys"]),
        ("training.steps", ["path=value"]),
        ("=3", ["path=value"]),
        ("training.steps=[", ["YAML"]),
        ("training.steps=none", ["setting training.steps=none: training.steps:"]),
        ("model.nothing=1", ["setting model.nothing=1: model: unknown key"]),
        ("tasks.paint.weight=none", ["setting tasks.paint.weight=none: tasks.", "'none'"]),
        ("tasks.paint.wieght=2", ["setting tasks.paint.wieght=2: tasks.", "did you mean 'weight'"]),
        ("tasks.²=1", ["nothing is named '²'"]),
        ("degradation.noise.sigma=5", ["degradation.noise.sigma: expected a list, ", "found 5"]),
        ("degradation.noise=5", ["degradation.noise: expected a mapping, ", "found 5"]),
        ("tasks=[paint]", ["tasks.0: expected a mapping, ", "found 'paint'"]),
        ("tasks=[]", ["setting tasks=[]: tasks: expected at least 1, found 0"]),
        ("only=[pant]", ["setting only=[pant]: ", "did you mean 'paint'"]),
        ("only=[paint, paint]", ["'paint' is given 2 times"]),
        ("nothing.at.all=1", ["setting nothing.at.all=1: ", "unknown key 'nothing'"]),
        (
            "training.steps=true",
            ["setting training.steps=true: training.steps: input should be a valid integer", "found 'true'"],
        ),
        (
            "degradation.noise.sigma=[true, 5]",
            ["degradation.noise.sigma.0: input should be a valid number", "found 'true'"],
        ),
        ("nothing=1", ["setting nothing=1: ", "unknown key"]),
    ],
)
def test_a_wrong_setting(
    setting: str, words: list[str], tmp_path: Path, tiny_recipe: WriteRecipe, refused: Refused
) -> None:
    said = refused("train", tiny_recipe(tmp_path), "--run", tmp_path / "run", "--set", setting)
    for word in words:
        assert word in said


# -- data -----------------------------------------------------------------------------------------


def test_an_empty_data_folder(tmp_path: Path, tiny_recipe: WriteRecipe, refused: Refused) -> None:
    (tmp_path / "empty").mkdir()
    recipe = tiny_recipe(tmp_path, {"data.train": [{"folder": "empty"}]})
    said = refused("train", recipe, "--run", tmp_path / "run")
    assert str(tmp_path / "empty") in said
    assert "holds no picture" in said


def test_a_picture_of_one_pixel_in_the_data(
    tmp_path: Path, tiny_recipe: WriteRecipe, draw_picture: DrawPicture, refused: Refused
) -> None:
    recipe = tiny_recipe(tmp_path)
    draw_picture(tmp_path / "photos" / "dot.png", 1, 1)
    assert "dot.png: has 1x1 pixels" in refused("train", recipe, "--run", tmp_path / "run")


def test_the_check_of_the_data_lists_everything_at_once(
    tmp_path: Path, tiny_recipe: WriteRecipe, draw_picture: DrawPicture, command: Command
) -> None:
    recipe = tiny_recipe(tmp_path)
    draw_picture(tmp_path / "photos" / "dot.png", 1, 1)
    (tmp_path / "photos" / "text.png").write_text("no picture")
    jpeg = tmp_path / "photos" / "photo-1.jpg"
    jpeg.write_bytes(jpeg.read_bytes()[:-300])
    shutil.copy(tmp_path / "photos" / "photo-0.jpg", tmp_path / "held-out" / "copy.jpg")
    (tmp_path / "painting.png").unlink()
    before = tree(tmp_path)
    finished = command("data", "check", recipe)
    assert finished.code == 2
    assert tree(tmp_path) == before
    *problems, last = finished.err.splitlines()
    errors = [line for line in problems if line.startswith("error: ")]
    for name in ("dot.png", "text.png", "photo-1.jpg", "copy.jpg", "painting.png"):
        assert len([line for line in errors if f"{name}: " in line]) == 1, name
    assert last == f"prismgan: {recipe}: {len(errors)} problems with the data"
    # Pictures are also cropped for tasks that are not trained.
    assert "painting.png: " in command("data", "check", recipe, "--set", "only=[restore]").err


# -- runs -----------------------------------------------------------------------------------------


@pytest.fixture
def trained(tmp_path: Path, tiny_run: Path) -> tuple[Path, Path]:
    """A recipe, and a copy of the run trained with it."""
    shutil.copytree(tiny_run, tmp_path / "run")
    return tiny_run.parent / "recipe.yaml", tmp_path / "run"


def test_a_run_folder_that_holds_a_training(trained: tuple[Path, Path], refused: Refused) -> None:
    recipe, run = trained
    said = refused("train", recipe, "--run", run)
    assert str(run) in said
    assert "--resume" in said


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("model.rate=0.5", ["model.rate", "0.001", "0.5"]),
        ("tasks.paint.weight=2", ["tasks.paint.weight", "0.1 -> 2"]),
        ("training.crop=48", ["training.crop", "32 -> 48"]),
    ],
)
def test_resuming_with_another_recipe(
    setting: str, words: list[str], trained: tuple[Path, Path], refused: Refused
) -> None:
    recipe, run = trained
    said = refused("train", recipe, "--run", run, "--resume", "--set", setting)
    for word in words:
        assert word in said
    assert said.count("->") == 1


def test_resuming_with_another_task(trained: tuple[Path, Path], tmp_path: Path, refused: Refused) -> None:
    _, run = trained
    changed = yaml.safe_load((run / "recipe.yaml").read_text())
    changed["tasks"] = changed["tasks"][:2]
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(changed))
    said = refused("train", tmp_path / "other.yaml", "--run", run, "--resume")
    assert "tasks (restore, enlarge, paint -> restore, enlarge)" in said


def test_resuming_nothing(tmp_path: Path, tiny_recipe: WriteRecipe, refused: Refused) -> None:
    assert "no training to resume" in refused("train", tiny_recipe(tmp_path), "--run", tmp_path / "nowhere", "--resume")


def test_resuming_from_a_damaged_checkpoint(trained: tuple[Path, Path], refused: Refused) -> None:
    recipe, run = trained
    whole = (run / "checkpoint.pt").read_bytes()
    for damaged in (b"", b"nonsense", whole[: len(whole) // 2]):
        (run / "checkpoint.pt").write_bytes(damaged)
        assert "checkpoint.pt" in refused("train", recipe, "--run", run, "--resume")


def test_a_run_that_is_a_file(tmp_path: Path, tiny_recipe: WriteRecipe, refused: Refused) -> None:
    (tmp_path / "run").write_text("")
    assert f"{tmp_path / 'run'}: " in refused("train", tiny_recipe(tmp_path), "--run", tmp_path / "run")


def test_a_demo_replaces_no_other_training(trained: tuple[Path, Path], refused: Refused) -> None:
    _, run = trained
    assert "other than a demo" in refused("demo", "--run", run, "--minutes", "0.05")


# -- weights --------------------------------------------------------------------------------------


def missing(path: Path, good: Path) -> None:
    del path, good


def folder(path: Path, good: Path) -> None:
    del good
    path.mkdir()


def random_bytes(path: Path, good: Path) -> None:
    del good
    path.write_bytes(os.urandom(5000))


def empty(path: Path, good: Path) -> None:
    del good
    path.write_bytes(b"")


def truncated(path: Path, good: Path) -> None:
    path.write_bytes(good.read_bytes()[:-1000])


def of_another_version(path: Path, good: Path) -> None:
    weights = load_weights(good)
    networks = {part: weights.part(part) for part in ("generator", "discriminator")}
    save_weights(path, weights.header.model_copy(update={"format": 99}), networks)


def of_another_program(path: Path, good: Path) -> None:
    del good
    save_file({"layer": torch.zeros(3)}, path)


def with_other_tensors(path: Path, good: Path) -> None:
    weights = load_weights(good)
    save_weights(path, weights.header, {"generator": {"layer": torch.zeros(3)}})


WEIGHTS = [
    (missing, "no such weights file"),
    (folder, "is a folder"),
    (random_bytes, "is not a weights file"),
    (empty, "is not a weights file"),
    (truncated, "is not a weights file"),
    (of_another_version, "format 99"),
    (of_another_program, "not one of prismgan's"),
    (with_other_tensors, "the file is damaged"),
]


@pytest.mark.parametrize(("damage", "words"), WEIGHTS, ids=[damage.__name__ for damage, _ in WEIGHTS])
def test_wrong_weights(
    damage: Callable[[Path, Path], None],
    words: str,
    tmp_path: Path,
    tiny_run: Path,
    draw_picture: DrawPicture,
    refused: Refused,
) -> None:
    bad, photo = tmp_path / "bad.safetensors", draw_picture(tmp_path / "a.png")
    damage(bad, tiny_run / "weights.safetensors")
    for arguments in (
        ("info", bad),
        ("render", photo, "--weights", bad, "--out", tmp_path / "out"),
        ("evaluate", bad, "--data", tmp_path),
    ):
        said = refused(*arguments)
        assert str(bad) in said
        assert words in said


def test_weights_that_may_not_be_read(
    tmp_path: Path, tiny_run: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    shut, access = tmp_path / "shut.safetensors", os.access
    shutil.copy(tiny_run / "weights.safetensors", shut)
    monkeypatch.setattr(os, "access", lambda path, mode: path != shut and access(path, mode))
    assert refused("info", shut) == f"prismgan: {shut}: cannot be read (Permission denied)\n"


# -- test photos ----------------------------------------------------------------------------------


def test_evaluation_without_photos(tmp_path: Path, tiny_run: Path, refused: Refused) -> None:
    (tmp_path / "empty").mkdir()
    weights = tiny_run / "weights.safetensors"
    assert "no such folder" in refused("evaluate", weights, "--data", tmp_path / "nowhere")
    assert "holds no picture" in refused("evaluate", weights, "--data", tmp_path / "empty")


def test_evaluation_of_photos_that_cannot_be_read(tmp_path: Path, tiny_run: Path, refused: Refused) -> None:
    for folder in ("text", "dot"):
        (tmp_path / folder).mkdir()
    (tmp_path / "text" / "text.png").write_text("no picture")
    Image.new("RGB", (1, 1)).save(tmp_path / "dot" / "dot.png")
    weights = tiny_run / "weights.safetensors"
    assert "can be read" in refused("evaluate", weights, "--data", tmp_path / "text")
    assert "dot.png: has 1x1 pixels" in refused("evaluate", weights, "--data", tmp_path / "dot")


@pytest.mark.slow
def test_no_traceback_from_a_real_process(tmp_path: Path, environment: dict[str, str]) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "prismgan", "info", str(tmp_path / "no.safetensors")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert finished.returncode == 2
    assert finished.stderr == f"prismgan: {tmp_path / 'no.safetensors'}: no such weights file\n"
