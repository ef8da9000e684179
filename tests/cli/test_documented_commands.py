"""The examples of docs/rendering.md: every command and every piece of Python in it runs."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

TEXT = (Path(__file__).parents[2] / "docs" / "rendering.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ prismgan (.+)$", TEXT, flags=re.MULTILINE)
PYTHON = re.findall(r"^```python\n(.+?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def there(tmp_path: Path, tiny_run: Path, draw_picture: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the examples name."""
    draw_picture(tmp_path / "photo.jpg", 48, 36)
    draw_picture(tmp_path / "photos" / "in" / "a.png", 32, 32)
    Image.new("L", (48, 36), 128).save(tmp_path / "mask.png")
    shutil.copy(tiny_run / "weights.safetensors", tmp_path / "mine.safetensors")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_are_examples() -> None:
    assert len(COMMANDS) >= 8
    assert PYTHON


NEEDED = {"video ": ["av"], "openvino": ["onnx", "openvino"], "export ": ["onnx", "onnxruntime"]}
"""Packages that commands with these words need."""


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_runs(words: str, there: Path, command: Callable[..., Any]) -> None:
    for word, packages in NEEDED.items():
        if word in words:
            for package in packages:
                pytest.importorskip(package, reason=f"{package} is not installed")
    if "clip.mp4" in words:
        from tiny_clips import make_clip

        make_clip(there / "clip.mp4", sound=None, times=range(0, 160, 40))
    finished = command(*shlex.split(words))
    assert finished.code == 0, finished.err
    assert finished.out
    out = re.search(r"--out (\S+)", words)
    assert (there / (out[1] if out else "looks")).exists()
    if not words.startswith("export"):  # which prints figures
        assert all((there / line).exists() for line in finished.out.splitlines())


@pytest.mark.parametrize("code", PYTHON)
def test_python_runs(code: str, there: Path) -> None:
    exec(compile(code, "docs/rendering.md", "exec"), {})
    assert (there / "blend.png").exists()
