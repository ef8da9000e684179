"""The demo, as short as it gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prismgan import demo
from prismgan.data import SourceEntry
from prismgan.render import Renderer
from prismgan.weights import load_weights


def test_the_recipe_of_the_demo_loads() -> None:
    recipe = demo.demo_recipe()
    assert recipe.name == "prismgan demo"
    assert len(recipe.tasks) == 6


@pytest.mark.slow
def test_the_demo_and_a_second_one(
    tmp_path: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = demo.demo_recipe()
    generator = whole.model.generator.model_copy(update={"widths": (8, 16), "blocks": (1, 1)})
    small = whole.model_copy(
        update={
            "data": whole.data.model_copy(update={"test": (SourceEntry(builtin="chelsea"),)}),
            "model": whole.model.model_copy(update={"generator": generator}),
            "training": whole.training.model_copy(update={"batch_size": 1, "crop": 32, "log_every": 1}),
            "evaluation": whole.evaluation.model_copy(update={"maximum_side": 64}),
        }
    )
    monkeypatch.setattr(demo, "demo_recipe", lambda: small)
    folder = tmp_path / "demo"
    run = folder / "from-scratch"
    finished = command("demo", "--run", folder, "--minutes", "0.05")
    assert finished.code == 0, finished.err
    assert finished.out == (
        f"looks    {folder / 'ready-made' / 'sheet.png'}\n"
        f"style    {folder / 'new-style' / 'sheet.png'}\n"
        f"weights  {run / 'weights.safetensors'}\n"
        f"report   {folder / 'report.html'}\n"
    )
    assert "8 looks of a photo" in finished.err
    assert "all 6 looks cost" in finished.err
    assert len(list((folder / "ready-made" / "chelsea").iterdir())) == 8
    assert (folder / "ready-made" / "sheet.png").exists()
    assert (folder / "new-style" / "sheet.png").exists()
    assert "mosaic" in Renderer.load(folder / "new-style" / "with-mosaic.safetensors").tasks
    assert load_weights(run / "weights.safetensors").header.step > 0
    folders = [path for path in (run / "render").iterdir() if path.is_dir()]
    assert len(folders) == 2  # one photo, clean and noisy
    for rendered in folders:
        assert {path.stem for path in rendered.iterdir()} == {"photo", "source", *(task.name for task in small.tasks)}
    assert (run / "render" / "sheet.png").exists()
    assert json.loads((run / "cost.json").read_text())["tasks"] == 6
    report = (folder / "report.html").read_text()
    headings = [
        "prismgan demo",
        "The ready-made weights",
        "A new style from one picture",
        "A small network from scratch",
    ]
    assert [heading in report for heading in headings] == [True] * 4

    monkeypatch.setattr(demo.Trainer, "train", lambda _: False)  # as if stopped by a signal
    monkeypatch.setattr(demo, "_learn_style", lambda *_: demo.Chapter("", ""))
    assert command("demo", "--run", folder, "--minutes", "0.05").code == 0
    assert not (run / "checkpoint.pt").exists()  # a second demo starts over


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path, command: Callable[..., Any]) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    refused = command("demo", "--run", tmp_path)
    assert refused.code == 2
    assert "holds something that is not a demo" in refused.err
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
