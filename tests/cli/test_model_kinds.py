"""Every kind of model by the commands: trained, measured, rendered, edited, and refused where it is not supported."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helpers.tiny_clips import make_clip
from helpers.tiny_kinds import COMPARISON_KINDS, tiny_model
from prismgan.recipes.weights import trained_model
from prismgan.weights import load_weights

TASKS = ["restore", "enlarge", "paint"]
every_kind = pytest.mark.parametrize("kind", COMPARISON_KINDS)
Runs = dict[str, Path]


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Callable[..., Path], command: Callable[..., Any]
) -> Iterator[Runs]:
    """The folder of a finished training of every kind. Do not modify it."""
    found = {}
    for kind in COMPARISON_KINDS:
        folder = tmp_path_factory.mktemp(kind)
        recipe = tiny_recipe(folder, {"model": tiny_model(kind)})
        finished = command("train", recipe, "--run", folder / "run")
        assert finished.code == 0, finished.err
        found[kind] = folder / "run"
    yield found


@every_kind
def test_a_training_leaves_what_ours_leaves(kind: str, runs: Runs, tiny_run: Path) -> None:
    names = {path.name for path in tiny_run.iterdir()}
    assert {path.name for path in runs[kind].iterdir()} == names
    lines = [json.loads(line) for line in (runs[kind] / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "event" not in line] == list(range(1, 9))
    found = json.loads((runs[kind] / "evaluation.json").read_text())
    ours = json.loads((tiny_run / "evaluation.json").read_text())

    def what(evaluation: dict[str, Any]) -> list[list[str]]:
        return [[row[key] for key in ("task", "condition", "metric")] for row in evaluation["rows"]]

    assert what(found) == what(ours)
    assert bool(found["discriminator"]) == (kind != "cvae")
    page = (runs[kind] / "report.html").read_text()
    assert all(task in page for task in TASKS)


@every_kind
def test_the_weights_say_what_they_are(kind: str, runs: Runs, command: Callable[..., Any]) -> None:
    weights = load_weights(runs[kind] / "weights.safetensors")
    assert weights.header.kind == kind
    assert weights.header.recipe["model"]["kind"] == kind
    said = command("info", runs[kind] / "weights.safetensors")
    assert said.code == 0, said.err
    assert ("varies with z" in said.out) == (kind != "cganomaly")
    as_json = json.loads(command("info", runs[kind] / "weights.safetensors", "--json").out)
    assert as_json["kind"] == kind
    assert sum(as_json["parameters"].values()) == sum(
        tensor.numel() for name, tensor in weights.tensors.items() if name.startswith("generator.")
    )


@every_kind
def test_rendering_gives_every_task(kind: str, runs: Runs, tmp_path: Path, command: Callable[..., Any]) -> None:
    photo = runs[kind].parent / "held-out" / "test.png"
    weights = runs[kind] / "weights.safetensors"
    done = command("render", photo, "--weights", weights, "--out", tmp_path, "--sheet")
    assert done.code == 0, done.err
    for task, scale in zip(TASKS, (1, 2, 1), strict=True):
        with Image.open(tmp_path / "test" / f"{task}.png") as picture:
            assert picture.size == (66 * scale, 70 * scale)
    assert (tmp_path / "test" / "sheet.png").exists()


@every_kind
def test_a_clip_is_rendered_into_every_task(kind: str, runs: Runs, tmp_path: Path, command: Callable[..., Any]) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    done = command("video", clip, "--weights", runs[kind] / "weights.safetensors", "--out", tmp_path / "looks")
    assert done.code == 0, done.err
    assert {path.stem for path in (tmp_path / "looks").rglob("*.mp4")} >= set(TASKS)


@every_kind
def test_it_is_evaluated_as_it_was_at_the_end_of_the_training(
    kind: str, runs: Runs, command: Callable[..., Any]
) -> None:
    folder = runs[kind].parent / "held-out"
    done = command("evaluate", runs[kind] / "weights.safetensors", "--data", folder, "--json")
    assert done.code == 0, done.err
    found, before = json.loads(done.out), json.loads((runs[kind] / "evaluation.json").read_text())
    for row, other in zip(found["rows"], before["rows"], strict=True):
        assert row["value"] == pytest.approx(other["value"], rel=1e-4)
    assert found["discriminator"].keys() == before["discriminator"].keys()
    assert len(found["anomaly"]) == len(before["anomaly"]) == (2 if kind == "cganomaly" else 0)
    for entry, other in zip(found["anomaly"], before["anomaly"], strict=True):
        assert entry["score"] == pytest.approx(other["score"], rel=1e-4)
        assert entry["condition"] == other["condition"]
    assert {entry["scaled"] for entry in found["anomaly"]} <= {0.0, 1.0}  # the lower and the higher of two
    plain = command("evaluate", runs[kind] / "weights.safetensors", "--data", folder)
    assert plain.out.count("unscaled: ") == len(found["anomaly"])


@every_kind
def test_tasks_are_renamed_and_removed(
    kind: str, runs: Runs, tmp_path: Path, command: Callable[..., Any], draw_picture: Callable[..., Path]
) -> None:
    weights, new = runs[kind] / "weights.safetensors", tmp_path / "new.safetensors"
    assert command("rename-task", weights, "--from", "paint", "--to", "lines", "--out", new).code == 0
    assert command("remove-task", new, "--name", "enlarge", "--out", new).code == 0
    photo = draw_picture(tmp_path / "photo.png", 40, 50)
    for file, names in ((new, ["restore", "lines"]), (weights, ["restore", "paint"])):
        out = tmp_path / file.parent.name / file.stem
        assert command("render", photo, "--weights", file, "--out", out, "--tasks", ",".join(names)).code == 0
    before, after = (tmp_path / runs[kind].name / "weights" / "photo", tmp_path / tmp_path.name / "new" / "photo")
    for old, name in (("restore", "restore"), ("paint", "lines")):
        assert (before / f"{old}.png").read_bytes() == (after / f"{name}.png").read_bytes()
    assert trained_model(load_weights(new)).generator.specs.keys() == {"restore", "lines"}


@every_kind
@pytest.mark.parametrize(
    ("arguments", "purpose"),
    [
        (["export", "WEIGHTS", "--out", "model.onnx"], "an ONNX file needs one of kind prism"),
        (
            ["add-task", "WEIGHTS", "--name", "new", "--exemplar", "painting.png", "--out", "new.safetensors"],
            "a new style needs one of kind prism",
        ),
        (
            ["render", "painting.png", "--weights", "WEIGHTS", "--out", "out", "--runtime", "onnxruntime"],
            "runtime onnxruntime: supports only models of kind prism; use torch",
        ),
    ],
)
def test_what_is_made_for_our_networks_is_refused_in_one_line(
    kind: str,
    arguments: list[str],
    purpose: str,
    runs: Runs,
    tmp_path: Path,
    command: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    draw_picture: Callable[..., Path],
) -> None:
    monkeypatch.chdir(tmp_path)
    draw_picture(tmp_path / "painting.png", 80, 100)
    given = [str(runs[kind] / "weights.safetensors") if word == "WEIGHTS" else word for word in arguments]
    refused = command(*given)
    assert refused.code == 2
    assert refused.err.count("\n") == 1
    assert purpose in refused.err
    assert [path.name for path in tmp_path.iterdir()] == ["painting.png"]


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        (
            "model.kind=cvea",
            "model.kind: unknown kind 'cvea'; did you mean 'cvae'? (known: cganomaly, ",
        ),
        ("model.kind=cvae", "model: unknown key 'adversary'"),
        ("model.generator.widths=[]", "model.generator.widths: "),
        ("model=cwgan", "model: expected a mapping"),
        ("model={kind: cwgan, critic: {steps: 0}}", "model.critic.steps: input should be greater than or equal to 1"),
        ("model={kind: cwgan, critc: {}}", "model: unknown key 'critc'; did you mean 'critic'?"),
        (
            "model={kind: cganomaly, adversary: {discriminator: {levels: 6}}}",
            "training.crop: 32 pixels are too few for a discriminator of 6 levels; use at least 128",
        ),
    ],
)
def test_a_wrong_model_section_is_named_in_one_line(
    setting: str, line: str, tmp_path: Path, tiny_recipe: Callable[..., Path], command: Callable[..., Any]
) -> None:
    refused = command("train", tiny_recipe(tmp_path), "--run", tmp_path / "run", "--set", setting)
    assert refused.code == 2
    assert line in refused.err
    assert refused.err.count("\n") == 1
    assert not (tmp_path / "run").exists()
