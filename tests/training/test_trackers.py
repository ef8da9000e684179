"""Trackers receive the content of ``metrics.jsonl``, also after resuming; one that fails does not end a training."""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prismgan.errors import PrismganError
from prismgan.files import make_folder
from prismgan.recipes.text import load
from prismgan.training.run import Run
from prismgan.training.trackers import Trackers, flat

WriteRecipe = Callable[..., Path]
Command = Callable[..., Any]


def scalars_of(run: Path) -> dict[str, dict[int, float]]:
    """Values of ``metrics.jsonl`` by name and step."""
    scalars: dict[str, dict[int, float]] = defaultdict(dict)
    for line in map(json.loads, (run / "metrics.jsonl").read_text().splitlines()):
        if "event" not in line:
            for key, value in line.items():
                if key != "step" and value is not None:
                    scalars[key][line["step"]] = value
    return scalars


def test_tensorboard_holds_every_scalar_the_sheets_and_the_recipe_also_after_a_resumption(
    tmp_path: Path, tiny_recipe: WriteRecipe, command: Command
) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    changes = {"training.steps": 4, "training.sample_every": 3, "training.trackers": ["tensorboard"]}
    recipe, run = tiny_recipe(tmp_path, {**changes, "training.save_every": 100}), tmp_path / "run"
    assert command("train", recipe, "--run", run).code == 0
    resumed = command("train", recipe, "--run", run, "--resume", "--steps", 7)
    assert resumed.code == 0, resumed.err

    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0, "images": 0}).Reload()
    expected = scalars_of(run)
    assert set(expected) == set(events.Tags()["scalars"])
    assert len(expected) > 10
    for key, values in expected.items():
        found = {event.step: event.value for event in events.Scalars(key)}
        assert found == {step: np.float32(value) for step, value in values.items()}, key
    assert [event.step for event in events.Images("samples")] == [3, 6]
    text = events.Tensors("recipe/text_summary")[-1].tensor_proto.string_val[0].decode()
    assert text == f"```yaml\n{(run / 'recipe.yaml').read_text()}```"


def test_steps_that_are_trained_again_are_not_shown_twice(
    tmp_path: Path, tiny_recipe: WriteRecipe, command: Command
) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    recipe = tiny_recipe(tmp_path, {"training.trackers": ["tensorboard"]})
    run = Run(tmp_path / "run")
    make_folder(run.folder)
    run.write("recipe.yaml", recipe.read_text())
    for first, last in ((0, 6), (4, 8)):  # killed after step 6, resumed at the checkpoint of step 4
        trackers = Trackers(["tensorboard"], run, print)
        trackers.start("tiny", {}, first)
        for step in range(first + 1, last + 1):
            trackers.log({"step": step, "loss": step + first / 10, "nothing": None})
        trackers.finish()
    events = EventAccumulator(str(run.folder / "tensorboard")).Reload()
    values = {event.step: round(event.value, 3) for event in events.Scalars("loss")}
    assert values == {1: 1, 2: 2, 3: 3, 4: 4, 5: 5.4, 6: 6.4, 7: 7.4, 8: 8.4}
    assert events.Tags()["scalars"] == ["loss"]


def test_a_tracker_that_fails_is_named_once_and_left_out(tmp_path: Path) -> None:
    class Broken:
        name = "wandb"

        def log(self, values: dict[str, float], step: int) -> None:
            raise ConnectionError("no route to host")

    said: list[str] = []
    trackers = Trackers([], Run(tmp_path), said.append)
    trackers._trackers = [Broken()]
    for step in (1, 2):
        trackers.log({"step": step, "loss": 1.0})
    trackers.finish()
    assert said == ["training.trackers: wandb failed and is left out from here on (no route to host)"]


def test_what_is_not_installed_is_said_before_anything_is_written(
    tmp_path: Path, tiny_recipe: WriteRecipe, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = "prismgan.packages.find_spec"
    monkeypatch.setattr(there, lambda module: None if module in ("tensorboard", "mlflow") else find_spec(module))
    for name, way in (("tensorboard", "'prismgan[tracking]'"), ("mlflow", "mlflow")):
        recipe = tiny_recipe(tmp_path, {"training.trackers": [name]})
        finished = command("train", recipe, "--run", tmp_path / "run")
        assert finished.code == 2
        assert finished.err.count("\n") == 1
        assert f"training.trackers: {name}" in finished.err
        assert f"pip install {way}" in finished.err
        assert not (tmp_path / "run").exists()


def test_a_tracker_that_cannot_start_ends_the_command(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run = Run(tmp_path)
    (tmp_path / "tensorboard").write_text("a file where a folder has to be")
    with pytest.raises(PrismganError, match=r"tensorboard cannot start \(.*remove it from the recipe"):
        Trackers(["tensorboard"], run, print).start("tiny", {}, 0)


def test_settings_are_flat_for_those_that_want_them_so(tmp_path: Path, tiny_recipe: WriteRecipe) -> None:
    settings = flat(load(tiny_recipe(tmp_path)).model_dump(mode="json"))
    assert settings["training.steps"] == "8"
    assert settings["tasks.enlarge.scale"] == "2"


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of those libraries' own code
@pytest.mark.parametrize("name", ["wandb", "trackio", "mlflow"])
def test_others_take_a_training_without_a_network(
    name: str, tmp_path: Path, tiny_recipe: WriteRecipe, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests of the real trackers in offline mode; they are skipped unless installed, which by default they are not."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    pytest.importorskip(name, reason=f"{name} is not installed")
    monkeypatch.chdir(tmp_path)
    changes = {"training.steps": 3, "training.sample_every": 2, "training.trackers": [name]}
    recipe, run = tiny_recipe(tmp_path, changes), tmp_path / "run"
    finished = command("train", recipe, "--run", run)
    assert finished.code == 0, finished.err
    assert "left out" not in finished.err
    resumed = command("train", recipe, "--run", run, "--resume", "--steps", 5)
    assert resumed.code == 0, resumed.err
    assert "left out" not in resumed.err
    if name == "wandb":
        assert len(list(run.glob("wandb/offline-run-*/*.wandb"))) == 2
    elif name == "trackio":
        import sqlite3

        with contextlib.closing(sqlite3.connect(tmp_path / "trackio" / "tiny.db")) as database:
            metrics = [json.loads(row[0]) for row in database.execute("select metrics from metrics order by step")]
        found = [line["loss/restore"] for line in metrics if "loss/restore" in line]
        assert found == list(scalars_of(run)["loss/restore"].values())
    else:
        import mlflow

        identity = json.loads((run / "trackers.json").read_text())["mlflow"]
        client = mlflow.MlflowClient()
        expected = scalars_of(run)
        for key in ("loss/restore", "rate"):
            found = {metric.step: metric.value for metric in client.get_metric_history(identity, key)}
            assert found == expected[key]
        assert client.get_run(identity).data.params["training.batch_size"] == "2"
        assert {"recipe.yaml", "samples"} <= {item.path for item in client.list_artifacts(identity)}
