"""Pictures and tasks made by code, for the tests of the data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prismgan.tasks import Derived, Exemplar, Paired, Task, Unpaired
from prismgan.tasks.base import Target

MakePicture = Callable[..., Path]
MakeTask = Callable[..., Task]


@pytest.fixture
def make_picture(tmp_path: Path) -> MakePicture:
    """``make_picture("a.png", height, width, seed)`` writes smooth random colours and returns the path."""

    def make(name: str, height: int = 48, width: int = 64, seed: int = 0) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(path)
        return path

    return make


@pytest.fixture
def make_task() -> MakeTask:
    """``make_task("name", target, scale)`` makes a task with only the parts that the data needs."""

    def make(name: str = "clean", target: Target | None = None, scale: int = 1) -> Task:
        return Task(
            name=name,
            kind="test",
            scale=scale,
            target=target or Derived(lambda photo: photo),
            losses=(),
            metrics=(),
            weight=1.0,
            adversarial_weight=0.0,
            latent=False,
            diversity_weight=0.0,
            steadiness_weight=0.0,
            frequency=1.0,
            degraded_weight=1.0,
            blocks=None,
            fine=True,
            additive=True,
        )

    return make


@pytest.fixture
def tasks(make_task: MakeTask, make_picture: MakePicture) -> list[Task]:
    """One task for each kind of target, with scales 1 and 2."""
    brush = make_picture("style/brush.png", 80, 100, 90)
    for index in range(3):
        make_picture(f"domain/{index}.png", 40, 50, 80 + index)
    return [
        make_task("clean"),
        make_task("large", scale=2),
        make_task("mask", Paired("mask")),
        make_task("style", Exemplar((str(brush),), 64)),
        make_task("drawn", Unpaired((str(brush.parent.parent / "domain"),))),
    ]
