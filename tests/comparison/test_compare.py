"""A whole comparison: its files, reproducibility, resuming, and errors."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from prismgan.comparison.variants import MODELS
from prismgan.errors import DivergedError
from prismgan.files import make_folder
from prismgan.recipes.text import to_yaml
from prismgan.training.trainer import Trainer

MakeRecipe = Callable[..., Path]
Command = Callable[..., Any]

TWO_TASKS = {
    "tasks": [{"name": "restore", "kind": "restore"}, {"name": "ink", "kind": "derived", "function": "pencil"}],
    "training.steps": 6,
    "training.save_every": 2,
}
CLOCKS = ("training_seconds", "seconds_a_step", "rendering_seconds", "rendering_ratio")


class Addresses(HTMLParser):
    """Every URL that a page might load, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text = ""
        self.labels: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("link", "iframe", "object"), tag
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        self.labels += [value or "" for name, value in attrs if name == "aria-label"]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def everybody(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: MakeRecipe, command: Command) -> Path:
    """All models on the tiny recipe, two seeds. Do not modify it."""
    folder = tmp_path_factory.mktemp("compare")
    finished = command("compare", tiny_recipe(folder, {"training.steps": 2}), "--seeds", 2, "--out", folder / "out")
    assert finished.code == 0, finished.err
    assert finished.out.splitlines() == [
        f"figures  {folder / 'out' / 'compare.json'}",
        f"report   {folder / 'out' / 'report.html'}",
    ]
    for model in MODELS:
        assert re.search(rf"{model}: [\d,]+ parameters", finished.err), "budgets are said before anything is trained"
    return folder / "out"


@pytest.fixture(scope="module")
def figures(everybody: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((everybody / "compare.json").read_text())
    return found


def test_every_model_task_and_metric_is_in_figures_and_report(everybody: Path, figures: dict[str, Any]) -> None:
    assert figures["seeds"] == [0, 1]
    assert [variant["name"] for variant in figures["contenders"]] == list(MODELS)
    measured = {(m["contender"], m["task"], m["condition"], m["metric"]) for m in figures["measurements"]}
    expected = {key[1:] for key in measured if key[0] == "prism"}
    assert {task for task, _, _ in expected} == {"restore", "enlarge", "paint"}
    assert measured == {(model, *key) for model in MODELS for key in expected}
    page = Addresses((everybody / "report.html").read_text())
    rows = re.findall(r"<tr>.*?</tr>", (everybody / "report.html").read_text())
    details = [row for row in rows if row.count("<td") == 9]
    assert len(details) == len(measured)
    for model in MODELS:
        assert sum(f"<td>{model}</td>" in row for row in details) == len(expected)
    for word in (
        "What sharing costs",
        "What it costs",
        "Stability",
        "Do the tasks agree?",
        "Pictures",
        "doing nothing",
    ):
        assert word in page.text


def test_the_report_asks_for_nothing(everybody: Path) -> None:
    text = (everybody / "report.html").read_text()
    page = Addresses(text)
    assert page.found and all(address.startswith("data:image/") for address in page.found)
    assert "default-src 'none'" in text
    assert not re.search(r"https?://(?!github\.com/leeoniya/uPlot \(v)", text), "the chart library's name apart"


def test_numbers_have_intervals_and_costs(figures: dict[str, Any]) -> None:
    for measured in figures["measurements"]:
        assert measured["values"].keys() == {"0", "1"}
        assert measured["value"]["mean"] == pytest.approx(sum(measured["values"].values()) / 2)
        assert measured["value"]["half"] >= 0
        assert (measured["difference"] is None) == (measured["contender"] == "prism")
    joint = figures["contenders"][0]
    for variant in figures["contenders"]:
        assert variant["rendering_seconds"] > 0 and variant["seconds_a_step"]["mean"] > 0
        if variant["name"] != "experts":
            assert variant["budget"]["total"] == pytest.approx(joint["budget"]["total"], rel=0.05)
            assert variant["budget"]["steps"] == joint["budget"]["steps"]
    assert joint["rendering_ratio"] == 1


def test_interference_is_joint_minus_expert(figures: dict[str, Any]) -> None:
    values = {(m["contender"], m["task"], m["condition"], m["metric"]): m["values"] for m in figures["measurements"]}
    assert figures["interference"]
    for each in figures["interference"]:
        key = (each["task"], each["condition"], each["metric"])
        joint, expert = values[("prism", *key)], values[("experts", *key)]
        assert each["difference"]["mean"] == pytest.approx(sum(joint[seed] - expert[seed] for seed in "01") / 2)


def test_gradients_are_compared_for_every_joint_model(everybody: Path, figures: dict[str, Any]) -> None:
    page = Addresses((everybody / "report.html").read_text())
    for variant in figures["contenders"]:
        tasks, matrix = variant["cosines"]["tasks"], variant["cosines"]["matrix"]
        if variant["name"] == "experts":
            assert tasks == matrix == []
            continue
        assert tasks == ["restore", "enlarge", "paint"]
        for row in range(3):
            assert matrix[row][row] == 1
            assert matrix[row] == [line[row] for line in matrix], "symmetric"
        assert any(label.startswith(f"{variant['name']}: restore and enlarge ") for label in page.labels), "in words"


def test_every_training_is_a_run_with_a_report(everybody: Path) -> None:
    runs = [*MODELS[2:], "prism", *(f"experts/{task}" for task in ("restore", "enlarge", "paint"))]
    for run in runs:
        for seed in (0, 1):
            assert (everybody / run / f"seed-{seed}" / "report.html").exists()
            assert (everybody / run / f"seed-{seed}" / "weights.safetensors").exists()
    assert len(list((everybody / "pictures").glob("picture-1/*/*.png"))) == 3 * (len(MODELS) + 2)


def figures_without_clocks(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "compare.json").read_text())
    for variant in found["contenders"]:
        for clock in CLOCKS:
            del variant[clock]
    return found


@pytest.mark.slow
def test_a_killed_comparison_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, tiny_recipe: MakeRecipe, environment: dict[str, str]
) -> None:
    recipe = tiny_recipe(tmp_path, TWO_TASKS)
    models = ("--models", "prism,experts,cwgan", "--seeds", "1")

    def started(out: Path, *more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "prismgan", "compare", str(recipe), "--out", str(out), *models, *more]
        return subprocess.Popen(
            command,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
        )

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    uninterrupted = started(whole)
    killed = started(broken)
    second = broken / "experts" / "restore" / "seed-0" / "metrics.jsonl"
    began = time.monotonic()
    while not second.exists() or second.read_bytes().count(b"\n") < 3:
        assert killed.poll() is None, killed.communicate()[1]
        assert time.monotonic() - began < 200
        time.sleep(0.002)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert not (broken / "compare.json").exists()
    before = (broken / "prism" / "seed-0" / "weights.safetensors").stat().st_mtime_ns

    resumed = started(broken, "--resume")
    said = resumed.communicate()[1]
    assert resumed.returncode == 0, said
    assert "1 of 4 trainings are done" in said
    assert "resumed at step 2" in said or "resumed at step 4" in said
    assert (broken / "prism" / "seed-0" / "weights.safetensors").stat().st_mtime_ns == before
    assert uninterrupted.wait() == 0, uninterrupted.communicate()[1]
    uninterrupted.communicate()
    assert figures_without_clocks(broken) == figures_without_clocks(whole)
    for weights in whole.rglob("weights.safetensors"):
        assert (broken / weights.relative_to(whole)).read_bytes() == weights.read_bytes()


def test_a_comparison_is_widened_by_resuming_it(tmp_path: Path, tiny_recipe: MakeRecipe, command: Command) -> None:
    recipe = tiny_recipe(tmp_path, {**TWO_TASKS, "training.steps": 2})
    out = tmp_path / "out"
    one = command("compare", recipe, "--models", "prism", "--seeds", 1, "--out", out)
    assert one.code == 0, one.err
    assert json.loads((out / "compare.json").read_text())["measurements"][0]["value"]["half"] is None
    (out / "experts" / "ink" / "seed-0").mkdir(parents=True)
    (out / "experts" / "ink" / "seed-0" / "recipe.yaml").write_text("what was killed before its first checkpoint")
    two = command("compare", recipe, "--models", "prism,experts", "--seeds", 2, "--out", out, "--resume")
    assert two.code == 0, two.err
    assert "1 of 6 trainings are done" in two.err
    assert json.loads((out / "compare.json").read_text())["seeds"] == [0, 1]


def test_variations_are_compared(tmp_path: Path, tiny_recipe: MakeRecipe, command: Command) -> None:
    recipe, out = tiny_recipe(tmp_path, {**TWO_TASKS, "training.steps": 2}), tmp_path / "out"
    finished = command("compare", recipe, "--vary", "model.balancer=normalised,fixed", "--seeds", 1, "--out", out)
    assert finished.code == 0, finished.err
    found = json.loads((out / "compare.json").read_text())
    assert [variant["name"] for variant in found["contenders"]] == [
        "prism balancer=normalised",
        "prism balancer=fixed",
    ]
    assert not found["interference"]
    assert "balancer: fixed" in (out / "prism-balancer-fixed" / "seed-0" / "recipe.yaml").read_text()


def test_a_training_that_diverges_is_a_collapse_and_stops_nobody_else(
    tmp_path: Path, tiny_recipe: MakeRecipe, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, out = tiny_recipe(tmp_path, {**TWO_TASKS, "training.steps": 2}), tmp_path / "out"
    train = Trainer.train

    def diverge(self: Trainer) -> bool:
        if self.recipe.model.balancer == "fixed":
            make_folder(self.run.folder)
            self.run.write("recipe.yaml", to_yaml(self.recipe))
            self._save()
            self.log({"rate": 1e-3}, 1.0)
            self.event("diverged", "training diverged 9 times")
            raise DivergedError("training diverged 9 times")
        return train(self)

    monkeypatch.setattr(Trainer, "train", diverge)
    asked = ("compare", recipe, "--vary", "model.balancer=normalised,fixed", "--seeds", 1, "--out", out)
    finished = command(*asked)
    assert finished.code == 0, finished.err
    variants = json.loads((out / "compare.json").read_text())["contenders"]
    assert variants[1]["collapses"] == {"0": ["diverged"]}
    assert "diverged" not in str(variants[0]["collapses"])
    assert "1 of 1" in Addresses((out / "report.html").read_text()).text
    assert command(*asked, "--resume").code == 0, "it is not tried again"


def test_doing_worse_than_nothing_is_a_collapse(tmp_path: Path, tiny_recipe: MakeRecipe, command: Command) -> None:
    recipe, out = tiny_recipe(tmp_path, {**TWO_TASKS, "training.steps": 4}), tmp_path / "out"
    ruined = ("--set", "model.rate=5", "--set", "model.clip=null", "--set", "model.schedule.warmup=0")
    finished = command("compare", recipe, "--models", "prism", "--seeds", 1, "--out", out, *ruined)
    assert finished.code == 0, finished.err
    (variant,) = json.loads((out / "compare.json").read_text())["contenders"]
    assert "restore: psnr is worse than doing nothing" in variant["collapses"]["0"]


PAIRS = {
    "data": {"train": [{"manifest": "pairs.csv"}], "workers": 0},
    "tasks": [
        {"name": "restore", "kind": "restore"},
        {"name": "negative", "kind": "paired"},
        {"name": "enlarge", "kind": "super_resolution", "scale": 2},
    ],
    "training.steps": 2,
    "training.sample_every": 1,
}


@pytest.fixture
def pairs(tmp_path: Path, tiny_recipe: MakeRecipe, draw_picture: Callable[..., Path]) -> Path:
    """A recipe with a paired task of scale 1 beside one that enlarges; every photo has its own source."""
    lines = ["picture,source,negative,split"]
    for number in range(4):
        for name, reduction in (("photo", 1), ("source", 2), ("negative", 1 + number % 2)):  # targets of both sizes
            draw_picture(tmp_path / f"{name}-{number}.png", 72 // reduction, 80 // reduction, number)
        split = "test" if number == 3 else "train"
        lines.append(f"photo-{number}.png,source-{number}.png,negative-{number}.png,{split}")
    (tmp_path / "pairs.csv").write_text("\n".join(lines) + "\n")
    return tiny_recipe(tmp_path, PAIRS)


@pytest.mark.parametrize("model", ["prism", "cganomaly"])
@pytest.mark.parametrize("only", ["[negative]", "[restore, negative]"])
def test_tasks_that_are_trained_alone_are_tested_on_pictures_cut_for_all(
    tmp_path: Path, pairs: Path, command: Command, only: str, model: str
) -> None:
    """Includes samples and anomaly scores; sources and targets have half of the photo's side."""
    kind = [] if model == "prism" else ["--set", f"model={{kind: {model}}}"]
    finished = command("train", pairs, "--run", tmp_path / "run", "--set", f"only={only}", *kind)
    assert finished.code == 0, finished.err
    evaluation = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert {row["task"] for row in evaluation["rows"]} == set(only.strip("[]").split(", "))
    assert bool(evaluation["anomaly"]) == (model == "cganomaly")


def test_experts_beside_a_task_that_enlarges(tmp_path: Path, pairs: Path, command: Command) -> None:
    out = tmp_path / "out"
    finished = command("compare", pairs, "--models", "prism,experts", "--seeds", 1, "--out", out)
    assert finished.code == 0, finished.err
    shown = {path.parent.name for path in out.rglob("picture-1/*/*.png")}
    assert shown == {"restore", "negative", "enlarge"}
    part = command(
        "compare", pairs, "--seeds", 1, "--out", tmp_path / "part", "--models", "prism", "--set", "only=[negative]"
    )
    assert part.code == 0, part.err
