"""Optional packages: the message if one is missing."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.tiny_weights import tiny_weights
from prismgan import packages
from prismgan.errors import PrismganError


def test_a_missing_package_is_named_by_its_own_name_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda module: object() if module == "av" else None)
    line = "clips: needs the package opencv-python-headless and onnx; install it: pip install 'prismgan[video]'"
    with pytest.raises(PrismganError, match=f"^{re.escape(line)}$"):
        packages.require("clips", "video", "av", "cv2", "onnx")


def test_what_is_there_is_not_refused() -> None:
    packages.require("this", "dev", "numpy", "torch")
    assert packages.missing(["numpy", "no_such_module"]) == ["no_such_module"]


RENDER_ONLY = """
import sys
for name in ("accelerate", "kornia", "scipy", "skimage", "torchmetrics"):
    sys.modules[name] = None
from prismgan.cli import main
sys.argv = ["prismgan", *sys.argv[1:]]
main()
"""


@pytest.mark.slow
def test_rendering_needs_no_package_that_training_needs(
    tmp_path: Path, draw_picture: Callable[..., Path], tiny_recipe: Callable[..., Path], environment: dict[str, str]
) -> None:
    tiny_weights("restore", "paint").save(tmp_path / "tiny.safetensors")

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", RENDER_ONLY, *map(str, words)]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=200)

    photo = draw_picture(tmp_path / "photo.png")
    finished = run("render", photo, "--weights", tmp_path / "tiny.safetensors", "--out", tmp_path / "out")
    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "out" / "photo" / "paint.png").exists()
    refused = run("train", tiny_recipe(tmp_path), "--run", tmp_path / "run")
    assert refused.returncode == 2
    assert "training and measuring: needs the package accelerate and kornia" in refused.stderr
    assert "pip install 'prismgan[train]'" in refused.stderr
    assert not (tmp_path / "run").exists()
