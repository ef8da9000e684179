"""Signals, divergence, unreadable pictures, killed workers and full disks: no trained step is lost."""

from __future__ import annotations

import dataclasses
import errno
import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from prismgan.batch import Batch
from prismgan.errors import PrismganError
from prismgan.models import Prism
from prismgan.recipes.text import load, to_yaml
from prismgan.training.display import Display
from prismgan.training.run import load_checkpoint
from prismgan.training.trainer import MOST_ROLLBACKS, Trainer
from prismgan.weights import load_weights

WriteRecipe = Callable[..., Path]
Command = Callable[..., Any]


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def events(run: Path, kind: str) -> list[dict[str, Any]]:
    return [line for line in lines(run) if line.get("event") == kind]


def start(recipe: Path, run: Path, environment: dict[str, str], **options: Any) -> subprocess.Popen[str]:
    """A training in a separate process group."""
    return subprocess.Popen(
        [sys.executable, "-m", "prismgan", "train", str(recipe), "--run", str(run)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


def wait_for_steps(count: int, run: Path, process: subprocess.Popen[str]) -> None:
    started = time.monotonic()
    while not (run / "metrics.jsonl").exists() or len((run / "metrics.jsonl").read_bytes().splitlines()) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - started < 120
        time.sleep(0.01)


def hidden_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*") if path.is_file()]


# -- signals --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_saves_and_says_how_to_go_on(
    number: signal.Signals, tmp_path: Path, tiny_recipe: WriteRecipe, command: Command, environment: dict[str, str]
) -> None:
    recipe, run = tiny_recipe(tmp_path, {"training.steps": 100_000, "training.save_every": 100_000}), tmp_path / "run"
    process = start(recipe, run, environment)
    try:
        wait_for_steps(4, run, process)
        os.killpg(process.pid, number)  # as a terminal's Ctrl-C and most schedulers do: workers get it too
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, err
    stopped = torch.load(run / "checkpoint.pt", weights_only=True)["step"]
    assert stopped >= 4
    assert err == f"stopped by {number.name} at step {stopped}; all is saved\n"
    assert out.splitlines()[-1] == "continue with the same command and --resume"
    assert load_weights(run / "weights.safetensors").header.step == stopped

    resumed = command("train", recipe, "--run", run, "--resume", "--steps", stopped + 2)
    assert resumed.code == 0, resumed.err
    assert load_weights(run / "weights.safetensors").header.step == stopped + 2
    assert (run / "report.html").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds the worker in /proc")
def test_a_killed_worker_is_one_clear_error(
    tmp_path: Path, tiny_recipe: WriteRecipe, environment: dict[str, str]
) -> None:
    recipe, run = tiny_recipe(tmp_path, {"training.steps": 100_000}), tmp_path / "run"
    process = start(recipe, run, environment)
    try:
        wait_for_steps(6, run, process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[-1]), signal.SIGKILL)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 2, err
    said = [line for line in err.splitlines() if line.startswith("prismgan: ")]
    assert len(said) == 1
    assert "a worker process was killed" in said[0]
    assert "data.workers" in said[0]
    assert load_checkpoint(run / "checkpoint.pt")["step"] >= 4


# -- divergence -----------------------------------------------------------------------------------


def poison(monkeypatch: pytest.MonkeyPatch, calls: Container[int]) -> None:
    """Put a NaN into the sources of some calls of the model's step."""
    step, count = Prism.step, 0

    def poisoned(self: Prism, batch: Batch) -> dict[str, torch.Tensor]:
        nonlocal count
        count += 1
        if count in calls:
            batch = dataclasses.replace(batch, source=batch.source * float("nan"))
        return step(self, batch)

    monkeypatch.setattr(Prism, "step", poisoned)


@pytest.mark.parametrize("balancer", ["normalised", "uncertainty", "fixed", "dwa", "aligned_mtl"])
def test_a_few_bad_steps_are_skipped(
    balancer: str, tmp_path: Path, tiny_recipe: WriteRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, {3, 4})
    run = tmp_path / "run"
    changes = {"training.patience": 3, "training.steps": 6, "model.balancer": balancer, "data.workers": 0}
    trainer = Trainer(load(tiny_recipe(tmp_path, changes)), run)
    assert trainer.train()
    assert [event["step"] for event in events(run, "skipped")] == [3, 4]
    assert events(run, "rollback") == []
    values = {line["step"]: line for line in lines(run) if "event" not in line}
    assert [line["skipped"] for line in values.values()] == [0, 0, 1, 1, 0, 0]
    assert values[3]["loss/restore"] is None  # JSON knows no NaN
    assert math.isfinite(values[6]["loss/restore"])
    assert all(tensor.isfinite().all() for tensor in load_weights(run / "weights.safetensors").tensors.values())
    assert trainer.model.slow_down_factor == 1


def test_lasting_divergence_goes_back_to_the_checkpoint_at_half_the_rate(
    tmp_path: Path, tiny_recipe: WriteRecipe, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    run, recipe = tmp_path / "run", tiny_recipe(tmp_path, {"training.patience": 3, "data.workers": 0})
    assert command("train", recipe, "--run", tmp_path / "calm").code == 0
    poison(monkeypatch, {6, 7, 8})  # the checkpoint is of step 4
    finished = command("train", recipe, "--run", run)
    assert finished.code == 0, finished.err
    assert "back to step 4 at half the learning rate" in finished.err
    assert [event["step"] for event in events(run, "skipped")] == [6, 7, 8]
    (rollback,) = events(run, "rollback")
    assert rollback["step"] == 4
    after = lines(run)[lines(run).index(rollback) + 1 :]
    calm = {line["step"]: line["rate"] for line in lines(tmp_path / "calm")}
    assert [line["step"] for line in after] == [5, 6, 7, 8]
    for line in after:
        assert line["rate"] == pytest.approx(calm[line["step"]] / 2)
    # The slower rate and the count survive a resume.
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    assert (state["rollbacks"], state["model"]["slow_down_factor"]) == (1, 0.5)


def test_the_clock_of_a_timed_training_goes_on_after_it_went_back(
    tmp_path: Path, tiny_recipe: WriteRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[float] = []
    replan = Trainer._replan

    def noted(self: Trainer, minutes: float) -> None:
        told.append(self.seconds)
        replan(self, minutes)

    monkeypatch.setattr(Trainer, "_replan", noted)
    monkeypatch.setattr("prismgan.training.loop.REPLAN_EVERY", 1)
    poison(monkeypatch, {6, 7, 8})  # the checkpoint is of step 4
    changes = {"training.patience": 3, "data.workers": 0}
    trainer = Trainer(load(tiny_recipe(tmp_path, changes)), tmp_path / "run", minutes=0.1)
    assert trainer.train()
    assert len(events(tmp_path / "run", "rollback")) == 1
    assert told == sorted(told)


def test_a_run_limited_by_minutes_knows_its_length_from_the_first_line_on(
    tmp_path: Path, tiny_recipe: WriteRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    measured: list[str] = []

    class Counting(Display):
        def step(self, step: int, steps: int, log: Mapping[str, float], images_per_second: float) -> None:
            told.append(steps)

        def event(self, message: str) -> None:
            measured.append(message)

    monkeypatch.setattr("prismgan.training.trainer.SHOW_EVERY", 0.0)
    changes = {"training.steps": 1_000_000, "data.workers": 0}
    trainer = Trainer(load(tiny_recipe(tmp_path, changes)), tmp_path / "run", minutes=0.05, display=Counting())
    assert trainer.train()
    assert max(told) < 10_000  # three seconds are too few for a million steps
    assert [line for line in measured if line.startswith("measuring: ")] == [
        "measuring: 1 of 2 pictures",
        "measuring: 2 of 2 pictures",
    ]


def test_training_that_keeps_diverging_ends_with_an_error(
    tmp_path: Path, tiny_recipe: WriteRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, range(2, 1000))
    run = tmp_path / "run"
    changes = {"training.patience": 1, "training.save_every": 1, "data.workers": 0}
    trainer = Trainer(load(tiny_recipe(tmp_path, changes)), run)
    with pytest.raises(PrismganError, match=f"diverged {MOST_ROLLBACKS + 1} times.*checkpoint"):
        trainer.train()
    assert len(events(run, "rollback")) == MOST_ROLLBACKS
    assert load_checkpoint(run / "checkpoint.pt")["step"] == 1


# -- pictures -------------------------------------------------------------------------------------


def test_an_unreadable_picture_is_left_out_and_named_once(
    tmp_path: Path, tiny_recipe: WriteRecipe, command: Command
) -> None:
    recipe, run = tiny_recipe(tmp_path), tmp_path / "run"  # 8 steps of 2: five photos, three times each
    bad = tmp_path / "photos" / "photo-2.jpg"
    bad.write_bytes(bad.read_bytes()[:-200])
    finished = command("train", recipe, "--run", run)
    assert finished.code == 0, finished.err
    (event,) = events(run, "skipped_picture")
    assert str(bad) in event["message"]
    assert finished.err.count(str(bad)) == 1
    evaluation = json.loads((run / "evaluation.json").read_text())
    assert [line for line in evaluation["skipped"] if str(bad) in line]
    # A resumed training does not report it again.
    assert command("train", recipe, "--run", run, "--resume", "--steps", 14).code == 0
    assert len(events(run, "skipped_picture")) == 1
    assert "photo-2.jpg" in (run / "evaluation.json").read_text()


# -- disks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", ["checkpoint", "weights"])
def test_a_full_disk_leaves_the_last_checkpoint(
    failing: str, tmp_path: Path, tiny_recipe: WriteRecipe, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, run = tiny_recipe(tmp_path), tmp_path / "run"
    # The recipe, then checkpoint and weights of step 0 are written; then those of step 4.
    good, count = {"checkpoint": 3, "weights": 4}[failing], 0
    sync = os.fsync

    def full(descriptor: int) -> None:
        nonlocal count
        count += 1
        if count > good:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        finished = command("train", recipe, "--run", run)
    assert finished.code == 2
    assert finished.err.count("\n") == 1
    assert finished.err.startswith(f"prismgan: {run / failing}")
    assert "No space left on device" in finished.err
    assert hidden_files(run) == []
    assert load_checkpoint(run / "checkpoint.pt")["step"] == (0 if failing == "checkpoint" else 4)
    load_weights(run / "weights.safetensors").generator()
    assert command("train", recipe, "--run", run, "--resume").code == 0
    assert load_weights(run / "weights.safetensors").header.step == 8


@pytest.mark.slow
def test_a_limit_on_file_sizes_leaves_the_last_checkpoint(
    tmp_path: Path, tiny_recipe: WriteRecipe, tiny_run: Path, environment: dict[str, str]
) -> None:
    limit = (tiny_run / "checkpoint.pt").stat().st_size - 1000  # the first file, without optimizer state, fits
    run = tmp_path / "run"
    process = start(
        tiny_recipe(tmp_path),
        run,
        environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2, err
    assert err.count("\n") == 1
    assert err.startswith(f"prismgan: {run / 'checkpoint.pt'}: cannot be written")
    assert hidden_files(run) == []
    assert load_checkpoint(run / "checkpoint.pt")["step"] == 0
    load_weights(run / "weights.safetensors").generator()


# -- two at once, and remains after a kill --------------------------------------------------------


def test_two_trainings_do_not_share_a_run_folder(tmp_path: Path, tiny_recipe: WriteRecipe, command: Command) -> None:
    """Neither a second training that starts meanwhile, nor one that checked the folder before the first started."""
    recipe, run = load(tiny_recipe(tmp_path, {"data.workers": 0, "training.steps": 4})), tmp_path / "run"
    second, refusals = Trainer(recipe, run), []

    class Meanwhile(Display):
        def step(self, *_: object) -> None:
            before = (run / "metrics.jsonl").read_bytes()
            with pytest.raises(PrismganError, match="run: another training is running in this folder"):
                second.train()
            refusals.append(command("train", tmp_path / "recipe.yaml", "--run", run, "--resume", "--steps", 4))
            assert (run / "metrics.jsonl").read_bytes() == before

    recipe_file = tmp_path / "recipe.yaml"
    recipe_file.write_text(recipe_file.read_text().replace("steps: 8", "steps: 4"))
    assert Trainer(recipe, run, display=Meanwhile()).train()
    assert len(refusals) == 4
    for refused in refusals:
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert refused.err.startswith(f"prismgan: {run}: another training is running in this folder")
    with pytest.raises(PrismganError, match="already holds a training"):
        second.train()
    assert command("train", recipe_file, "--run", run, "--resume", "--steps", 5).code == 0
    assert not (run / ".lock").exists()


@pytest.mark.parametrize("options", [(), ("--resume",), ("--resume", "--steps", 3)])
def test_a_training_that_was_killed_before_its_first_checkpoint_is_started_again(
    options: tuple[object, ...], tmp_path: Path, tiny_recipe: WriteRecipe, command: Command
) -> None:
    path, run = tiny_recipe(tmp_path, {"data.workers": 0, "training.steps": 2}), tmp_path / "run"
    run.mkdir()
    (run / "recipe.yaml").write_text(to_yaml(load(path)))
    for name in ("checkpoint.pt", "recipe.yaml"):
        (run / f".{name}-99999999-abcdefgh").write_bytes(b"half")
    (run / ".lock").touch()
    if not options:
        refused = command("train", path, "--run", run, "--set", "seed=5")
        assert refused.code == 2, "another training's beginning is not replaced"
        assert "holds no training" in refused.err
    finished = command("train", path, "--run", run, *options)
    assert finished.code == 0, finished.err
    assert load_checkpoint(run / "checkpoint.pt")["step"] == (3 if "--steps" in options else 2)
    assert hidden_files(run) == []


def test_a_resumed_training_removes_what_a_kill_left(tmp_path: Path, tiny_run: Path, command: Command) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    for name in ("checkpoint.pt", "weights.safetensors", "metrics.jsonl", "report.html", "evaluation.json"):
        (run / f".{name}-99999999-abcdefgh").write_bytes(b"half")
    assert command("train", run / "recipe.yaml", "--run", run, "--resume", "--steps", 9).code == 0
    assert hidden_files(run) == []
