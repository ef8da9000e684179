"""The demo, as short as it gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prismgan import demo
from prismgan.models.weights import load_weights


def test_the_recipe_of_the_demo_loads() -> None:
    recipe = demo.demo_recipe()
    assert recipe.name == "prismgan demo"
    assert len(recipe.tasks) == 6


@pytest.mark.slow
def test_the_demo_twice(tmp_path: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    small = demo.demo_recipe()
    generator = small.model.generator.model_copy(update={"widths": (8, 16), "blocks": (1, 1)})
    small = small.model_copy(
        update={
            "model": small.model.model_copy(update={"generator": generator}),
            "training": small.training.model_copy(update={"batch_size": 1, "crop": 32}),
            "evaluation": small.evaluation.model_copy(update={"maximum_side": 64}),
        }
    )
    monkeypatch.setattr(demo, "demo_recipe", lambda: small)
    monkeypatch.setattr(demo, "FEWEST_STEPS", 2)
    monkeypatch.setattr(demo, "TRIAL_STEPS", 1)
    monkeypatch.setattr(demo, "_seconds_a_step", lambda _: 1.0)
    run = tmp_path / "demo"
    for _ in range(2):
        finished = command("demo", "--run", run, "--minutes", "0.05")
        assert finished.code == 0, finished.err
        assert finished.out == f"weights  {run / 'weights.safetensors'}\nreport   {run / 'report.html'}\n"
        assert "all 6 looks cost" in finished.err
        assert load_weights(run / "weights.safetensors").header.step == 3
        names = [task.name for task in small.tasks]
        for photo in ("chelsea", "coffee"):
            found = {path.stem for path in (run / "render" / photo).iterdir()}
            assert found == {"photo", "source", *names}
        assert (run / "render" / "sheet.png").exists()
        assert json.loads((run / "cost.json").read_text())["tasks"] == 6
        assert "prismgan demo" in (run / "report.html").read_text()
        # A second demo starts over.
        assert not (run / "mine").exists()
        (run / "mine").write_text("old")
