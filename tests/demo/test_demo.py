"""The demo, shortened as far as possible."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from prismgan import demo
from prismgan.cli.progress import Narrator
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
    ready_made = {entry.name for entry in load_weights().header.tasks}
    assert f"{len(ready_made)} looks of a photo" in finished.err
    assert "not better than doing nothing yet, because " in finished.err  # there were some steps
    assert "--minutes 10" in (folder / "report.html").read_text()
    assert all(float(eta) <= 15 for eta in re.findall(r"ETA (\d+) s", finished.err))
    assert "all 6 looks cost" in finished.err
    assert {path.stem for path in (folder / "ready-made" / "chelsea").glob("*.png")} == ready_made
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


def test_a_quick_demo_renders_and_reports(tmp_path: Path, command: Callable[..., Any]) -> None:
    folder = tmp_path / "demo"
    for _ in range(2):  # the second replaces the first
        finished = command("demo", "--run", folder, "--quick")
        assert finished.code == 0, finished.err
        assert finished.out == f"looks    {folder / 'ready-made' / 'sheet.png'}\nreport   {folder / 'report.html'}\n"
    assert {path.name for path in folder.iterdir()} == {"ready-made", "report.html"}
    report = (folder / "report.html").read_text()
    assert "The ready-made weights" in report
    assert "data:image/jpeg" in report


@pytest.mark.parametrize("behind", [(), ("enlarge-2x",)])
def test_too_few_steps_are_told(behind: tuple[str, ...], tmp_path: Path) -> None:
    measured = {"restore": "noise-25", "enlarge-2x": "clean"}
    values = {task: 29.0 if task in behind else 31.0 for task in measured}
    rows = [
        {"task": task, "condition": condition, "metric": "psnr", "better": "higher", "value": value, "baseline": 30.0}
        for (task, condition), value in zip(measured.items(), values.values(), strict=True)
    ]
    (tmp_path / "evaluation.json").write_text(json.dumps({"pictures": 1, "rows": rows, "skipped": []}))
    trainer: Any = SimpleNamespace(run=SimpleNamespace(folder=tmp_path), step=123)
    found = list(demo._too_few_steps(trainer))
    assert len(found) == len(behind)
    if behind:
        assert found[0].startswith(
            "enlarge-2x: not better than doing nothing yet, because there were 123 steps and about 800"
        )


def test_silence_is_broken() -> None:
    told = io.StringIO()
    console = Narrator(silence=0.2, file=told)
    with console.narrating():
        console.print("training")
        time.sleep(0.7)
        before = told.getvalue().count("...")
        console.print("measuring")
    time.sleep(0.5)  # nothing else after the block
    lines = told.getvalue().splitlines()
    assert before >= 2
    assert lines[0] == "training"
    assert set(lines[1:-1]) <= {"  ... 0 s", "  ... 1 s"}
    assert lines[-1] == "measuring"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_says_how_long_the_set_up_takes_and_fails_as_it_does(tmp_path: Path) -> None:
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").symlink_to(sys.executable)
    words = ["make", f"VENV={tmp_path / 'venv'}", "EVERY=1", f"{tmp_path / 'venv'}/.installed"]
    root = Path(__file__).parents[2]
    for code in (0, 3):
        (tmp_path / "venv" / ".installed").unlink(missing_ok=True)
        pip = f"PIP=sh -c 'sleep 1.5; exit {code}' --"
        finished = subprocess.run([*words, pip], cwd=root, capture_output=True, text=True, check=False, timeout=60)
        assert "  ... 1 s\n" in finished.stdout
        assert (finished.returncode == 0) == (code == 0)
        assert (tmp_path / "venv" / ".installed").exists() == (code == 0)


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path, command: Callable[..., Any]) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    refused = command("demo", "--run", tmp_path)
    assert refused.code == 2
    assert "contains something other than a demo" in refused.err
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
