"""Whole test pictures: sizes fit every scale, noise repeats, unreadable ones are named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from prismgan.data import Condition, Row, TestSet
from prismgan.tasks import Paired

from .conftest import MakePicture, MakeTask

CLEAN = Condition(name="clean")


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize(("height", "width"), [(101, 75), (64, 131), (333, 140)])
def test_shapes(make_picture: MakePicture, make_task: MakeTask, scale: int, height: int, width: int) -> None:
    row = Row(str(make_picture("a.png", height, width)))
    tasks = [make_task("clean"), make_task("large", scale=scale)]
    (batch,) = TestSet([row], tasks, CLEAN, maximum_side=100, alongside=())
    _, _, rows, columns = batch.source.shape
    assert rows % 4 == columns % 4 == 0
    assert batch.targets["large"].shape == (1, 3, rows * scale, columns * scale)
    assert batch.targets["clean"].shape == batch.reference.shape == batch.source.shape
    assert max(rows, columns) * scale <= min(200, max(height, width))
    assert rows * scale > min(1, 200 / max(height, width)) * height - 8 * scale
    assert torch.equal(batch.source, batch.reference)


@pytest.mark.parametrize("height", [80, 333])
def test_companions(make_picture: MakePicture, make_task: MakeTask, height: int) -> None:
    photo, mask = make_picture("p.png", height, 90), make_picture("m.png", height // 2, 45, 1)
    tasks = [make_task("large", scale=2), make_task("mask", Paired("mask"))]
    noisy = Condition(name="noise", noise=25)
    rows = [Row(str(photo), str(mask), {"mask": str(mask)}), Row(str(photo))]
    first, second = TestSet(rows, tasks, noisy, maximum_side=100, alongside=())
    assert torch.equal(first.source, first.targets["mask"])
    assert first.present["mask"].tolist() == [True]
    assert second.present["mask"].tolist() == [False]
    assert not torch.equal(second.source, second.reference)


def test_noise_repeats_and_differs_by_picture(make_picture: MakePicture, make_task: MakeTask) -> None:
    row = Row(str(make_picture("a.png")))
    noisy = Condition(name="noise", noise=25)
    tested = TestSet([row, row], [make_task()], noisy, alongside=())
    one, other = ([batch.source for batch in tested] for _ in range(2))
    assert torch.equal(one[0], other[0])
    assert not torch.equal(one[0], one[1])


def test_unreadable_pictures_are_named(tmp_path: Path, make_picture: MakePicture, make_task: MakeTask) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    names = [str(tmp_path / "bad.png"), str(make_picture("tiny.png", 3, 3)), str(make_picture("good.png"))]
    tested = TestSet([Row(name) for name in names], [make_task()], CLEAN, alongside=())
    assert [row.picture for row, _ in tested.pairs()] == names[2:]
    assert list(tested.skipped) == names[:2]
    assert "not a picture" in tested.skipped[names[0]]
