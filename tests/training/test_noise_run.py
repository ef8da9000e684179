"""A training without a source, by the command line: it runs, resumes bitwise, reports, and its weights are sampled."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from helpers.trainings import assert_same, kill_at, lines, trained
from prismgan import images

STEPS = 20
ONLY_JUDGED = {"kind": "derived", "pixel_weight": 0, "adversarial_weight": 1}
UNPAIRED = {"kind": "unpaired", "pictures": ["cold"], "content_weight": 0, "total_variation_weight": 0}
NOISE: dict[str, Any] = {
    "name": "tiny noise",
    "source": "noise",
    "data": {"train": [{"folders": ["warm", "cold"]}], "test_fraction": 0.4, "workers": 1},
    "tasks": [
        {"name": "photo-1", "function": "photo", **ONLY_JUDGED},
        {"name": "inverse", "function": "inverse", **ONLY_JUDGED},
        {"name": "bluish", **UNPAIRED},
    ],
    "model": {
        "kind": "cogan",
        "generator": {"widths": [4, 6, 8], "blocks": [1, 1, 1], "latent": 4, "code": 8},
        "adversary": {"discriminator": {"width": 8, "levels": 2}},
        "schedule": {"warmup": 2},
    },
    "training": {
        "steps": STEPS,
        "batch_size": 4,
        "crop": 32,
        "precision": "float32",
        "log_every": 1,
        "save_every": 3,
        "sample_every": 10,
    },
}

Command = Callable[..., Any]


def write_recipe(folder: Path, **changes: Any) -> Path:
    """A recipe with two folders of smooth pictures, reddish and bluish ones."""
    random = np.random.default_rng(0)
    for name, channel in (("warm", 0), ("cold", 2)):
        (folder / name).mkdir(parents=True)
        for number in range(10):
            coarse = random.integers(0, 90, (4, 4, 3), dtype=np.uint8)
            coarse[..., channel] += 150
            Image.fromarray(coarse).resize((32, 32), Image.Resampling.BICUBIC).save(folder / name / f"{number}.png")
    (folder / "recipe.yaml").write_text(yaml.safe_dump({**NOISE, **changes}, sort_keys=False))
    return folder / "recipe.yaml"


@pytest.fixture(scope="module", autouse=True)
def _few_steps_of_the_classifier() -> Iterator[None]:
    """Sufficient for collections that differ as much as these."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("prismgan.evaluation.noise.STEPS", 150)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, command: Command) -> Path:
    """A finished training. Do not modify it."""
    folder = tmp_path_factory.mktemp("noise")
    finished = command("train", write_recipe(folder), "--run", folder / "run")
    assert finished.code == 0, finished.err
    return folder / "run"


def test_it_is_measured_shown_and_reported(run: Path) -> None:
    found = json.loads((run / "evaluation.json").read_text())
    assert (found["source"], found["pictures"], found["step"]) == ("noise", 1000, STEPS)
    metrics = {(row["task"], row["metric"]) for row in found["rows"]}
    for task in ("photo-1", "inverse"):
        assert {(task, name) for name in ("kid_classifier", "modes", "balance", "recognised")} <= metrics
    assert {("inverse", "absolute"), ("inverse", "same_class")} <= metrics
    assert set(found["shares"]["inverse"]) == {"warm", "cold"}
    assert "bluish" not in {task for task, _ in metrics}  # its pictures belong to no row
    assert found["discriminator"]["accuracy_real"] is not None
    assert sorted(path.name for path in (run / "samples").iterdir()) == ["step-000010.png", "step-000020.png"]
    page = (run / "report.html").read_text()
    for text in ("1000 latents after step 20", "Collections covered", "of 2", "What the pictures show", "warm"):
        assert text in page
    assert "doing nothing" not in page


def test_it_is_drawn_from(run: Path, tmp_path: Path, command: Command) -> None:
    arguments = ("sample", run / "weights.safetensors", "--count", 5, "--seed", 2)
    first, again = (command(*arguments, "--out", tmp_path / name) for name in ("a.png", "b.png"))
    assert (first.code, first.out) == (0, f"{tmp_path / 'a.png'}\n"), first.err
    assert again.code == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    each = command(*arguments, "--to", 9, "--out", tmp_path / "each")
    assert len(each.out.splitlines()) == 15
    assert images.size(tmp_path / "each" / "0004" / "inverse.png") == (32, 32)
    described = command("info", run / "weights.safetensors")
    assert "tiny noise: 3 tasks, trained for 20 steps" in described.out


@pytest.mark.slow
def test_the_resolved_recipe_reproduces_the_run(run: Path, tmp_path: Path, command: Command) -> None:
    finished = command("train", run / "recipe.yaml", "--run", tmp_path / "again")
    assert finished.code == 0, finished.err
    equal = (tmp_path / "again/weights.safetensors").read_bytes() == (run / "weights.safetensors").read_bytes()
    assert equal
    assert (tmp_path / "again/evaluation.json").read_text() == (run / "evaluation.json").read_text()


@pytest.mark.slow
def test_a_killed_and_resumed_training_equals_an_uninterrupted_one(tmp_path: Path, environment: dict[str, str]) -> None:
    recipe = write_recipe(tmp_path)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    trained(["train", recipe, "--run", whole], environment)
    kill_at(7, ["train", recipe, "--run", broken], broken, environment)
    assert lines(broken)[-1]["step"] < STEPS
    assert "resumed at step" in trained(["train", recipe, "--run", broken, "--resume"], environment)
    equal = (broken / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()
    assert equal
    found, expected = (torch.load(each / "checkpoint.pt", weights_only=True) for each in (broken, whole))
    del found["random"], expected["random"]  # of the libraries: no step uses them
    assert_same(found, expected)


def test_an_untested_training_needs_no_test_pictures(tmp_path: Path, command: Command) -> None:
    data = {"train": [{"folder": "warm"}], "test_fraction": 0}
    finished = command("train", write_recipe(tmp_path, data=data), "--run", tmp_path / "run", "--steps", 2)
    assert finished.code == 0, finished.err
    assert (tmp_path / "run" / "report.html").exists()
