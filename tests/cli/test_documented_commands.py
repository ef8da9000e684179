"""The examples of the documentation: every command and every piece of Python on these pages runs."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from prismgan import images
from prismgan.training import head_training

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/rendering.md", "docs/python.md", "docs/data.md")


def commands(page: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
    return re.findall(r"^\$ (?:\.venv/bin/)?prismgan (.+)$", text, flags=re.MULTILINE)


COMMANDS = [
    words
    for page in ("README.md", "docs/rendering.md")
    for words in commands(page)
    if words != "serve"  # tests/web/test_serve_command.py
]
COMPARISONS = commands("docs/choosing.md")


@pytest.fixture
def there(tmp_path: Path, tiny_run: Path, draw_picture: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the examples use."""
    draw_picture(tmp_path / "photo.jpg", 48, 36)
    draw_picture(tmp_path / "painting.jpg", 64, 80, 3)
    draw_picture(tmp_path / "photos" / "in" / "a.png", 32, 32)
    Image.new("L", (36, 48), 128).save(tmp_path / "mask.png")
    shutil.copy(tiny_run / "weights.safetensors", tmp_path / "mine.safetensors")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_are_examples() -> None:
    assert len(COMMANDS) >= 11
    assert len(COMPARISONS) >= 7
    assert all(python(page) for page in PAGES)


NEEDED = {"video ": ["av"], "openvino": ["onnx", "openvino"], "export ": ["onnx", "onnxruntime"]}
"""Packages that commands with these words need."""


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_runs(words: str, there: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for word, packages in NEEDED.items():
        if word in words:
            for package in packages:
                pytest.importorskip(package, reason=f"{package} is not installed")
    if "clip.mp4" in words:
        from helpers.tiny_clips import make_clip

        make_clip(there / "clip.mp4", sound=None, times=range(0, 160, 40))
    shorter: list[str] = []
    if words.startswith("add-task"):  # five minutes otherwise
        shorter = ["--minutes", "0.05"]
        (there / "mine.safetensors").unlink()
        monkeypatch.setattr(head_training, "CROP", 64)
        monkeypatch.setattr(head_training, "BATCH", 1)
    finished = command(*shlex.split(words), *shorter)
    assert finished.code == 0, finished.err
    assert finished.out
    out = re.search(r"--out (\S+)", words)
    assert (there / (out[1] if out else "looks")).exists()
    if not words.startswith("export"):  # which prints figures
        assert all((there / line.split()[-1]).exists() for line in finished.out.splitlines())


@pytest.mark.parametrize("words", COMPARISONS)
def test_a_comparison_can_be_trained(
    words: str, there: Path, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every variant is a separate, valid recipe; training all of them takes hours."""
    planned: list[Any] = []

    def plan(variants: list[Any], *_: Any, **__: Any) -> None:
        planned.extend(variants)

    monkeypatch.setattr("prismgan.comparison.run.compare", plan)
    words = words.replace(" recipes/", f" {ROOT}/recipes/")
    finished = command(*shlex.split(words))
    assert finished.code == 0, finished.err
    assert len(planned) >= 2
    assert all(recipe.tasks for variant in planned for recipe in variant.recipes.values())


def python(page: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.+?)^```", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_python_runs(page: str, there: Path, draw_picture: Callable[..., Path]) -> None:
    """The code blocks of a page one after the other, as a reader would type them."""
    draw_picture(there / "other.jpg", 32, 40)
    before = {path.name for path in there.iterdir()}
    known: dict[str, Any] = {"__name__": "example"}
    for number, code in enumerate(python(page), start=1):
        exec(compile(code, f"{page}, example {number}", "exec"), known)
    assert {path.name for path in there.iterdir()} > before  # they write pictures


@pytest.mark.slow
def test_the_example_app_writes_looks_of_what_is_dropped(
    tmp_path: Path, tiny_run: Path, draw_picture: Callable[..., Path], environment: dict[str, str]
) -> None:
    app = ROOT / "examples" / "watch_folder.py"
    assert len(app.read_text().splitlines()) <= 60
    inbox, out = tmp_path / "inbox", tmp_path / "looks"
    inbox.mkdir()
    draw_picture(inbox / "first.jpg", 20, 24)
    words = [sys.executable, str(app), inbox, out, "--tasks", "restore,paint", "--weights"]
    process = subprocess.Popen(
        [*words, tiny_run / "weights.safetensors"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        first = [Path(process.stdout.readline().strip()) for _ in range(2)]
        (inbox / "broken.png").write_text("no picture")
        draw_picture(inbox / "second.png", 24, 20)
        second = [Path(process.stdout.readline().strip()) for _ in range(2)]
        time.sleep(1)  # wait until it is idle: Python loses a Ctrl-C that arrives while it frees objects
    finally:
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert first == [out / "first" / f"{name}.png" for name in ("restore", "paint")]
    assert second == [out / "second" / f"{name}.png" for name in ("restore", "paint")]
    assert all(images.size(path) == (20, 24) for path in first)
    assert [line.split(": ")[0] for line in err.splitlines()] == [f"watching {inbox}", str(inbox / "broken.png")]


@pytest.mark.slow
def test_the_example_app_says_what_is_missing(tmp_path: Path, environment: dict[str, str]) -> None:
    words = [sys.executable, str(ROOT / "examples" / "watch_folder.py"), ".", "looks", "--weights", "no.safetensors"]
    finished = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert finished.stderr == "no.safetensors: no such weights file\n"
