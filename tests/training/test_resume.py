"""A training that was killed and resumed is bitwise equal to an uninterrupted one."""

from __future__ import annotations

import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.tiny_kinds import COMPARISON_KINDS, tiny_model
from helpers.trainings import assert_same, kill_at, lines, trained
from prismgan.errors import WeightsError
from prismgan.training import trainer
from prismgan.training.run import load_checkpoint
from prismgan.weights import Header, load_weights

STEPS = 26
CASES = {
    "one stage, normalised": {"model.adversary.stages": "one", "model.balancer": "normalised"},
    "two stages, uncertainty": {"model.adversary.stages": "two", "model.balancer": "uncertainty"},
    "one stage, dwa": {"model.adversary.stages": "one", "model.balancer": "dwa"},
    **{f"{kind}, normalised": {"model": tiny_model(kind)} for kind in COMPARISON_KINDS},
}
CLOCK = {"time", "images_per_second"}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_killed_and_resumed_training_equals_an_uninterrupted_one(
    case: str,
    tmp_path: Path,
    tiny_recipe: Callable[..., Path],
    environment: dict[str, str],
) -> None:
    recipe = tiny_recipe(tmp_path, {**CASES[case], "training.steps": STEPS, "training.save_every": 3})
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    trained(["train", recipe, "--run", whole], environment)

    step = random.Random(case).randint(5, 12)
    kill_at(step, ["train", recipe, "--run", broken], broken, environment)
    before = lines(broken)
    assert step <= before[-1]["step"] < STEPS
    with (broken / "metrics.jsonl").open("a") as file:
        file.write('{"step": 25, "loss/res')  # as after a kill in the middle of a line
    assert "resumed at step" in trained(["train", recipe, "--run", broken, "--resume"], environment)

    # A single boolean: pytest would compare the bytes one by one for minutes.
    equal = (broken / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()
    assert equal
    found, expected = (torch.load(run / "checkpoint.pt", weights_only=True) for run in (broken, whole))
    del found["random"], expected["random"]  # of the libraries: no step uses them
    assert_same(found, expected)
    assert found["model"]["optimizer"]["state"]
    assert bool(found["model"]["balancer"]) == ("normalised" not in case)

    values = [line for line in lines(broken) if "event" not in line]
    assert [line["step"] for line in values] == list(range(1, STEPS + 1))
    for line, other in zip(values, lines(whole), strict=True):
        assert {k: v for k, v in line.items() if k not in CLOCK} == {k: v for k, v in other.items() if k not in CLOCK}
    times = [line["time"] for line in values]
    assert times == sorted(times)


def test_resuming_a_finished_training_trains_no_more(
    tmp_path: Path, tiny_recipe: Callable[..., Path], command: Callable[..., Any]
) -> None:
    recipe = tiny_recipe(tmp_path, {"training.steps": 2})
    assert command("train", recipe, "--run", tmp_path / "run").code == 0
    before = (tmp_path / "run" / "weights.safetensors").read_bytes()
    assert command("train", recipe, "--run", tmp_path / "run", "--resume").code == 0
    assert (tmp_path / "run" / "weights.safetensors").read_bytes() == before


def test_a_training_killed_between_its_last_two_files_ends_with_the_last_weights(
    tmp_path: Path, tiny_recipe: Callable[..., Path], command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, run = tiny_recipe(tmp_path, {"training.steps": 2}), tmp_path / "run"
    save = trainer.save_weights

    def killed(path: Path, header: Header, *parts: Any) -> None:
        if header.step == 2:
            raise SystemExit(-9)
        save(path, header, *parts)

    with monkeypatch.context() as context:
        context.setattr(trainer, "save_weights", killed)
        assert command("train", recipe, "--run", run).code != 0
    assert load_weights(run / "weights.safetensors").header.step == 0
    assert command("train", recipe, "--run", run, "--resume").code == 0
    assert load_weights(run / "weights.safetensors").header.step == 2


def test_a_longer_training_goes_on_from_a_shorter_one(
    tmp_path: Path, tiny_recipe: Callable[..., Path], command: Callable[..., Any]
) -> None:
    recipe = tiny_recipe(tmp_path, {"training.steps": 2})
    assert command("train", recipe, "--run", tmp_path / "run").code == 0
    assert command("train", recipe, "--run", tmp_path / "run", "--resume", "--steps", 5).code == 0
    assert [line["step"] for line in lines(tmp_path / "run") if "event" not in line] == [1, 2, 3, 4, 5]


def test_the_resolved_recipe_reproduces_the_run(
    tmp_path: Path, tiny_run: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    finished = command("train", tiny_run / "recipe.yaml", "--run", "again")
    assert finished.code == 0, finished.err
    assert (tmp_path / "again/weights.safetensors").read_bytes() == (tiny_run / "weights.safetensors").read_bytes()
    assert (tmp_path / "again/recipe.yaml").read_bytes() == (tiny_run / "recipe.yaml").read_bytes()


def test_resume_auto_starts_and_then_goes_on(
    tmp_path: Path, tiny_recipe: Callable[..., Path], command: Callable[..., Any]
) -> None:
    recipe, run = tiny_recipe(tmp_path, {"training.steps": 3}), tmp_path / "run"
    started = command("train", recipe, "--resume", "auto", "--run", run)
    assert started.code == 0, started.err
    assert "resumed" not in started.err
    went_on = command("train", "--resume=auto", recipe, "--run", run, "--steps", 5)
    assert went_on.code == 0, went_on.err
    assert "resumed at step 3" in went_on.err
    assert [line["step"] for line in lines(run) if "event" not in line] == [1, 2, 3, 4, 5]
    timed = command("train", recipe, "--run", run, "--resume", "auto", "--minutes", 1)
    assert timed.code == 2
    assert "--minutes and --resume" in timed.err


# -- damage ---------------------------------------------------------------------------------------


def flipped(content: bytes, bit: int) -> bytes:
    """The same file with one bit changed."""
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_a_flipped_bit_of_a_checkpoint_is_noticed_or_changes_nothing(tmp_path: Path, tiny_run: Path) -> None:
    whole = (tiny_run / "checkpoint.pt").read_bytes()
    expected, draw, noticed = load_checkpoint(tiny_run / "checkpoint.pt"), random.Random(0), 0
    path = tmp_path / "checkpoint.pt"
    # Everywhere, and at the end, where the zip file's directory is.
    bits = [draw.randrange(8 * len(whole)) for _ in range(24)]
    bits += [8 * len(whole) - 1 - draw.randrange(8 * 8000) for _ in range(24)]
    for bit in bits:
        path.write_bytes(flipped(whole, bit))
        try:
            found = load_checkpoint(path)
        except WeightsError as error:
            noticed += 1
            assert str(error).startswith(f"{path}: ")
            assert "\n" not in str(error)
        else:
            assert_same(found, expected)
    assert noticed > 24


def test_a_damaged_checkpoint_is_one_line(tmp_path: Path, tiny_run: Path, command: Callable[..., Any]) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    whole = (run / "checkpoint.pt").read_bytes()
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    with zipfile.ZipFile(run / "checkpoint.pt") as archive:
        largest = archive.read(max(archive.infolist(), key=lambda entry: entry.file_size))
    crafted: dict[str, Any] = {
        "checksum": flipped(whole, 8 * whole.index(largest)),  # between the tensors are unused bytes
        "half": whole[: len(whole) // 2],
        "empty": b"",
        "random states": {**state, "random": {"python": [3, [1, 2], None], "numpy": [], "torch": state["step"]}},
        "no model": {key: value for key, value in state.items() if key != "model"},
        "other model": {**state, "model": {**state["model"], "optimizer": {}}},
        "no average": {**state, "average": None},
        "no step": {**state, "step": "many"},
    }
    metrics = (run / "metrics.jsonl").read_bytes()
    for name, content in crafted.items():
        if isinstance(content, bytes):
            (run / "checkpoint.pt").write_bytes(content)
        else:
            torch.save(content, run / "checkpoint.pt")
        refused = command("train", run / "recipe.yaml", "--run", run, "--resume", "--steps", 9)
        assert (refused.code, refused.err.count("\n")) == (2, 1), (name, refused.err)
        assert refused.err.startswith(f"prismgan: {run / 'checkpoint.pt'}: "), name
        assert (run / "metrics.jsonl").read_bytes() == metrics, name


def test_a_good_checkpoint_is_not_lost_to_bad_metrics(
    tmp_path: Path, tiny_run: Path, command: Callable[..., Any]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    good = (run / "metrics.jsonl").read_bytes()
    bad = [
        b"5",
        b"[1, 2]",
        b"\xff\xfe",
        b'{"step": "x"}',
        b"null",
        b"[" * 5000,
        b'{"step": ' + b"1" * 5000 + b"}",
        b"{",
    ]
    (run / "metrics.jsonl").write_bytes(b"\n".join([*bad, good.strip(), *bad, b'{"step": 9, "ti']))
    (run / "evaluation.json").write_bytes(b"\xff")
    finished = command("train", run / "recipe.yaml", "--run", run, "--resume", "--steps", 9)
    assert finished.code == 0, finished.err
    assert f"metrics.jsonl: {2 * len(bad)} lines could not be read and are left out" in finished.err
    assert (run / "metrics.jsonl").read_bytes().startswith(good)
    assert [line["step"] for line in lines(run) if "event" not in line] == list(range(1, 10))
