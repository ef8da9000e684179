"""Renders and losses equal the stored ones to within 1/255 and 2 %, on any processor.

After an intended change, run ``python tests/golden/test_golden.py``, and inspect the difference.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from prismgan import Renderer

FOLDER = Path(__file__).parent
WEIGHTS = FOLDER / "tiny.safetensors"
"""Stored random weights, because torch's random numbers may differ between its versions."""
TASKS = ("restore", "fine-2x", "fine-4x", "paint", "varied", "drawn", "varied-2x")


def source() -> NDArray[np.uint8]:
    """Waves, an edge and a corner, (25, 34, 3): no side is a whole number of cells."""
    y, x = np.mgrid[:25, :34]
    waves = [128 + 90 * np.sin(x / 5 + y / 9), 128 + 90 * np.cos(y / 4), 40 + 5 * x]
    picture = np.stack(waves, axis=-1)
    picture[8:16, 6:20] = (220, 60, 40)
    return picture.astype(np.uint8)


@pytest.mark.parametrize("task", TASKS)
def test_renders_are_as_they_were(task: str) -> None:
    expected = np.asarray(Image.open(FOLDER / f"{task}.png"), np.int16)
    found = Renderer.load(WEIGHTS)(source(), [task])[task]
    assert np.abs(np.asarray(found, np.int16) - expected).max() <= 1


def test_losses_of_a_training_are_as_they_were(tmp_path: Path, tiny_recipe: Callable[..., Path]) -> None:
    for step, (found, expected) in enumerate(
        zip(losses(tmp_path, tiny_recipe), json.loads((FOLDER / "losses.json").read_text()), strict=True), start=1
    ):
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=0.02, abs=1e-4), (step, name)


def losses(folder: Path, tiny_recipe: Callable[..., Path]) -> list[dict[str, float]]:
    """The losses that each of four steps of the tiny recipe logs."""
    from prismgan.recipes.text import load
    from prismgan.training.trainer import Trainer

    generator = {"widths": [8, 16], "blocks": [1, 1], "latent": 4, "code": 8}
    recipe = tiny_recipe(folder, {"model.generator": generator, "training.steps": 4, "data.workers": 0})
    Trainer(load(recipe), folder / "run").train()
    lines = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key.startswith("loss/")} for line in lines]


def write() -> None:
    """Write the files again."""
    import tempfile

    sys.path.insert(0, str(FOLDER.parent))
    import conftest
    from helpers.tiny_weights import tiny_weights

    tiny_weights(*TASKS).save(WEIGHTS, torch.float16)
    for task, picture in Renderer.load(WEIGHTS)(source(), TASKS).items():
        Image.fromarray(np.asarray(picture)).save(FOLDER / f"{task}.png", optimize=True)
    with tempfile.TemporaryDirectory() as folder:
        found = losses(Path(folder), conftest.write_tiny_recipe)
    (FOLDER / "losses.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    write()
