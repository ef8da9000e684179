"""Graphics drawn by code: repeatable, of any size and full contrast; and rows of them in a training set."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from PIL import Image

from prismgan.data import DegradationConfig, Noise, Row, TrainingSet, builtin, graphics
from prismgan.data.batches import Part, batches
from prismgan.errors import DataError
from prismgan.tasks import Derived, Exemplar, Task
from prismgan.tasks.base import clean_photo

from .conftest import MakePicture, MakeTask

GRAPHICS = Row(builtin.GRAPHICS)


@pytest.fixture
def photo_tasks(make_task: MakeTask) -> list[Task]:
    """Tasks whose target is the photo itself, at scales 1, 2 and 4."""
    return [make_task(f"x{scale}", Derived(clean_photo), scale) for scale in (1, 2, 4)]


def test_graphics_are_a_function_of_their_seed() -> None:
    seen = {graphics.draw(40, 56, seed).tobytes() for seed in range(30)}
    assert len(seen) == 30
    for seed in range(30):
        pixels = graphics.draw(40, 56, seed)
        assert (pixels.shape, pixels.dtype) == ((40, 56, 3), np.uint8)
        assert np.array_equal(pixels, graphics.draw(40, 56, seed))


@pytest.mark.parametrize("kind", graphics.KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_draws_something_at_every_size(kind: graphics.Kind) -> None:
    for side, unit in ((16, 1.0), (33, 1.0), (96, 3.3)):
        contrasts = []
        for seed in range(12):
            picture = Image.new("RGB", (side, side))
            kind(picture, random.Random(seed), unit)
            contrasts.append(float(np.asarray(picture, np.float32).std()))
        assert np.median(contrasts) > 15


def test_text_needs_no_font_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphics, "font_files", tuple)
    assert len({graphics.draw(32, 32, seed).tobytes() for seed in range(8)}) == 8


def test_patterns_have_fine_periods_at_full_contrast() -> None:
    covers = [graphics.cover(48, 48, random.Random(seed), 1.0) for seed in range(200)]
    assert all(cover.min() >= -1e-6 and cover.max() <= 1 + 1e-6 for cover in covers)
    neighbours = [float(np.abs(np.diff(cover, axis=axis)).mean()) for cover in covers for axis in (0, 1)]
    assert max(neighbours) > 0.95  # lines of one pixel
    assert 0.15 < np.mean(neighbours) < 0.6


def test_graphics_are_drawn_anew_at_the_scale_of_the_step(photo_tasks: list[Task]) -> None:
    dataset = TrainingSet([GRAPHICS], photo_tasks, crop=24, batch=4)
    shown = [dataset.sample(position) for position in range(24)]
    assert len({sample.source.numpy().tobytes() for sample in shown}) == 24
    scales = [tuple(name for name, here in sample.present.items() if here) for sample in shown]
    assert set(scales) == {("x1",), ("x1", "x2"), ("x1", "x4")}
    for first in range(0, 24, 4):
        assert len({names for names in scales[first : first + 4] if len(names) > 1}) <= 1
    for sample in shown:
        assert torch.equal(sample.targets["x1"], sample.source)
        for scale in (2, 4):
            if sample.present[f"x{scale}"]:
                small = torch.nn.functional.avg_pool2d(sample.targets[f"x{scale}"][None], scale)[0]
                assert float((small - sample.source).abs().mean()) < 0.1


def test_looks_are_not_asked_for_graphics(
    make_task: MakeTask, make_picture: MakePicture, photo_tasks: list[Task]
) -> None:
    look = make_task("look", Exemplar((str(make_picture("brush.png")),), 64))
    pencil = make_task("pencil", Derived(torch.neg))
    rows = [Row(str(make_picture("photo.png", 120, 120))), GRAPHICS]
    dataset = TrainingSet(rows, [photo_tasks[0], look, pencil], crop=24)
    (batch,) = batches([Part(dataset, 2)], 0, 1, workers=0)
    assert batch.present["x1"].all()
    assert batch.present["look"].tolist() == batch.present["pencil"].tolist()
    assert sorted(batch.present["look"].tolist()) == [False, True]
    alone = TrainingSet(rows, [look], crop=24)
    assert [row.drawn for row in alone.rows] == [False]
    with pytest.raises(DataError, match="no picture to train on"):
        TrainingSet([GRAPHICS], [look], crop=24)


def test_rows_may_be_left_clean_more_often_than_others(make_picture: MakePicture, make_task: MakeTask) -> None:
    config = DegradationConfig(clean=0, noise=Noise(probability=1, sigma=(20, 20)))
    rows = [Row(str(make_picture("a.png")), clean=1.0), Row(str(make_picture("b.png", seed=1)))]
    dataset = TrainingSet(rows, [make_task()], crop=24, degradation=config)
    clean = [torch.equal(sample.source, sample.reference) for sample in map(dataset.sample, range(8))]
    assert sum(clean) == 4
