"""A sample is a pure function of seed and position; targets stay aligned with their photo."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from prismgan import images
from prismgan.batch import Batch
from prismgan.data import (
    Condition,
    DegradationConfig,
    Jpeg,
    Noise,
    Part,
    Row,
    TestSet,
    TrainingSet,
    batches,
)
from prismgan.data.degradation import GaussianBlur
from prismgan.errors import DataError, PictureError
from prismgan.tasks import Derived, Exemplar, Paired, Task, Unpaired
from prismgan.tasks.base import clean_photo

from .conftest import MakePicture, MakeTask

CONFIG = DegradationConfig(gaussian_blur=GaussianBlur(), noise=Noise(probability=0.8), jpeg=Jpeg(probability=0.5))


@pytest.fixture
def rows(make_picture: MakePicture) -> list[Row]:
    """Five photos, three of them with a target of the task ``mask``."""
    found = []
    for index in range(5):
        photo = make_picture(f"photos/{index}.png", 60 + index, 80, index)
        mask = make_picture(f"masks/{index}.png", (60 + index) // 2, 40, 50 + index)
        found.append(Row(str(photo), targets={"mask": str(mask)} if index < 3 else {}))
    return found


def tensors(batch: Batch) -> dict[str, Tensor]:
    """All tensors of a batch, by a flat name."""
    found: dict[str, Tensor] = {}
    for each in fields(batch):
        value = getattr(batch, each.name)
        if isinstance(value, Tensor):
            found[each.name] = value
        elif isinstance(value, Mapping):
            found.update({f"{each.name}/{task}": tensor for task, tensor in value.items()})
    return found


def assert_same(first: list[Batch], second: list[Batch]) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.skipped == other.skipped
        left, right = tensors(one), tensors(other)
        assert left.keys() == right.keys()
        for name in left:
            assert torch.equal(left[name], right[name]), name


def training_set(rows: list[Row], tasks: list[Task], seed: int = 3, cache_mb: int = 16) -> TrainingSet:
    return TrainingSet(rows, tasks, crop=24, degradation=CONFIG, seed=seed, cache_mb=cache_mb)


def test_batch_shapes_and_ranges(rows: list[Row], tasks: list[Task]) -> None:
    (batch,) = batches([Part(training_set(rows, tasks), 4)], 0, 1, workers=0)
    assert batch.source.shape == batch.reference.shape == (4, 3, 24, 24)
    assert {name: tuple(target.shape) for name, target in batch.targets.items()} == {
        "clean": (4, 3, 24, 24),
        "large": (4, 3, 48, 48),
        "mask": (4, 3, 24, 24),
    }
    assert {name: tuple(each.shape) for name, each in batch.examples.items()} == {
        "style": (4, 3, 24, 24),
        "drawn": (4, 3, 24, 24),
    }
    assert set(batch.present) == {"clean", "large", "mask"}
    for name, tensor in tensors(batch).items():
        assert tensor.dtype in (torch.float32, torch.bool), name
        assert tensor.float().abs().max() <= 1, name
    assert torch.equal(batch.targets["clean"], batch.reference)
    assert not torch.equal(batch.source, batch.reference)


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(rows: list[Row], make_task: MakeTask, workers: int) -> None:
    tasks = [make_task("clean"), make_task("large", scale=2)]
    here = list(batches([Part(training_set(rows, tasks), 3)], 0, 4, workers=0))
    assert_same(here, list(batches([Part(training_set(rows, tasks, cache_mb=0), 3)], 0, 4, workers=workers)))


def test_start_step_changes_nothing(rows: list[Row], tasks: list[Task]) -> None:
    whole = list(batches([Part(training_set(rows, tasks), 3)], 0, 5, workers=0))
    rest = list(batches([Part(training_set(rows, tasks), 3)], 2, 3, workers=0))
    assert_same(whole[2:], rest)


def test_seed_changes_samples(rows: list[Row], tasks: list[Task]) -> None:
    one, other = (training_set(rows, tasks, seed).sample(0) for seed in (3, 4))
    assert not torch.equal(one.reference, other.reference)


def test_new_task_changes_nothing_for_the_others(rows: list[Row], tasks: list[Task]) -> None:
    few, all_tasks = training_set(rows, tasks[:4]).sample(7), training_set(rows, tasks).sample(7)
    assert torch.equal(few.source, all_tasks.source)
    assert torch.equal(few.examples["style"], all_tasks.examples["style"])


@pytest.mark.parametrize("workers", [0, 1])
def test_global_generators_are_left_alone(rows: list[Row], make_task: MakeTask, workers: int) -> None:
    state = torch.get_rng_state()
    list(batches([Part(training_set(rows, [make_task()]), 2)], 0, 2, workers=workers))
    assert torch.equal(state, torch.get_rng_state())


def test_ranks_partition_the_global_batch(rows: list[Row], tasks: list[Task]) -> None:
    (whole,) = batches([Part(training_set(rows, tasks), 4)], 3, 1, workers=0)
    parts = [next(batches([Part(training_set(rows, tasks), 2)], 3, 1, rank, world=2, workers=0)) for rank in (0, 1)]
    left = tensors(whole)
    right = [tensors(part) for part in parts]
    for name in left:
        assert torch.equal(left[name], torch.cat([part[name] for part in right])), name


def test_rows_of_a_step_are_cut_for_one_of_several_scales(make_picture: MakePicture, make_task: MakeTask) -> None:
    rows = [Row(str(make_picture(f"{index}.png", 128, 128))) for index in range(3)]
    tasks = [make_task("clean"), make_task("twice", scale=2), make_task("four-times", scale=4)]
    dataset = TrainingSet(rows, tasks, crop=24, batch=3)
    turns = []
    for batch in batches([Part(dataset, 3)], 0, 24, workers=0):
        assert batch.present["clean"].all()
        twice, four_times = (batch.present[name].tolist() for name in ("twice", "four-times"))
        assert [twice, four_times] in [[3 * [True], 3 * [False]], [3 * [False], 3 * [True]]]
        turns.append(twice[0])
    for every in (2, 3, 4):  # covers periodic settings too
        assert set(turns[every - 1 :: every]) == {True, False}


def test_no_step_is_without_a_task(make_picture: MakePicture, make_task: MakeTask) -> None:
    rows = [Row(str(make_picture(f"{index}.png", 128, 128))) for index in range(3)]
    others = [make_task("clean"), make_task("four-times", scale=4)]
    dataset = TrainingSet(rows, [make_task("twice", scale=2)], crop=24, alongside=others, batch=4)
    for batch in batches([Part(dataset, 4)], 0, 3, workers=0):
        assert batch.present["twice"].tolist() == [True, False, True, False]


def test_reduced_photos_show_more_of_themselves(make_picture: MakePicture, make_task: MakeTask) -> None:
    path = make_picture("ramp.png")
    ramp = torch.arange(96, dtype=torch.uint8).mul(2).expand(3, 100, 96)
    images.to_pil(images.to_float(ramp)).save(path)

    enlarging = [make_task("twice", scale=2), make_task("four-times", scale=4)]

    def steps(reduced: bool, alongside: Sequence[Task] = ()) -> set[int]:
        row = Row(str(path))
        dataset = TrainingSet([row], [make_task()], crop=24, alongside=alongside, reduced=reduced)
        crops = [images.to_uint8(dataset.sample(position).reference).int() for position in range(24)]
        assert all(crop.shape == (3, 24, 24) for crop in crops)
        return {abs(int(crop[0, 0, 12] - crop[0, 0, 11])) for crop in crops}

    assert steps(False) == {2}
    assert steps(True) == {2, 4, 6, 8}
    assert steps(False, enlarging) == {4, 6, 8}
    assert steps(True, enlarging) == {2, 4, 6, 8}


def test_every_epoch_shows_every_row_once(make_picture: MakePicture, make_task: MakeTask) -> None:
    rows = []
    for index in range(6):
        path = make_picture(f"flat/{index}.png")
        Image.new("RGB", (40, 40), (index * 40, 0, 0)).save(path)
        rows.append(Row(str(path)))
    dataset = TrainingSet(rows, [make_task()], crop=16)
    orders = []
    for epoch in range(3):
        seen = [dataset.sample(epoch * 6 + place).reference[0, 0, 0].item() for place in range(6)]
        assert len(set(seen)) == 6
        orders.append(tuple(seen))
    assert len(set(orders)) > 1


def test_weights_say_how_often_rows_are_shown(make_picture: MakePicture, make_task: MakeTask) -> None:
    rows = []
    for index, weight in enumerate((1.0, 1.0, 0.5, 0.0, 2.5)):
        path = make_picture(f"flat/{index}.png")
        Image.new("RGB", (40, 40), (index * 40, 0, 0)).save(path)
        rows.append(Row(str(path), weight=weight))
    dataset = TrainingSet(rows, [make_task()], crop=16)
    levels = [round(dataset.sample(position).reference[0, 0, 0].item() * 127.5 + 127.5) for position in range(200)]
    shown = [levels.count(index * 40) for index in range(5)]
    assert shown == [pytest.approx(share, abs=8) for share in (40, 40, 20, 0, 100)]


def test_crops_are_turned_by_quarters(make_picture: MakePicture, make_task: MakeTask) -> None:
    path = make_picture("ramp.png")
    ramp = torch.arange(96, dtype=torch.uint8).mul(2).expand(3, 96, 96)
    images.to_pil(images.to_float(ramp)).save(path)

    def slopes(tasks: Sequence[Task], batch: int = 1, mirror: bool = False) -> list[tuple[int, int]]:
        dataset = TrainingSet([Row(str(path))], tasks, crop=32, batch=batch, mirror=mirror, quarter_turns=True)
        found = []
        for position in range(32):
            sample = dataset.sample(position)
            photo = images.to_uint8(sample.reference).int()[0]
            found.append((int(photo[0, 1] - photo[0, 0]), int(photo[1, 0] - photo[0, 0])))
            if "look" in sample.present:
                assert sample.present["look"] == (found[-1] == (2, 0))
                assert torch.equal(sample.targets["restore"], sample.reference)
        return found

    restore = make_task("restore", Derived(clean_photo))
    assert set(slopes([restore])) == {(2, 0), (-2, 0), (0, 2), (0, -2)}
    look = make_task("look", Exemplar((str(make_picture("brush.png")),), 64))
    both = slopes([restore, look], batch=4)
    for first in range(0, 32, 4):  # styles have all rows of a step or none
        assert len({slope == (2, 0) for slope in both[first : first + 4]}) == 1
    assert 4 <= sum(slope == (2, 0) for slope in both) <= 28
    dataset = TrainingSet([Row(str(path))], [look], crop=32, mirror=False, quarter_turns=True)
    photos = [dataset.sample(position).reference[0, 0] for position in range(4)]
    assert all(photo[0] < photo[1] for photo in photos)


def test_flat_crops_are_rejected_as_often_as_is_said(tmp_path: Path, make_task: MakeTask) -> None:
    photo = torch.zeros(3, 64, 256)
    photo[..., 192:] = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    images.write(tmp_path / "sky.png", photo)

    def flat(reject: float, tasks: Sequence[Task]) -> int:
        dataset = TrainingSet([Row(str(tmp_path / "sky.png"))], tasks, crop=32, reject_flat=reject)
        return sum(float(dataset.sample(position).reference.std()) < 0.01 for position in range(60))

    alone, enlarging = [make_task()], [make_task(), make_task("twice", scale=2)]
    assert flat(0.0, alone) > 35
    assert flat(0.5, alone) > flat(1.0, alone)
    assert flat(1.0, alone) < 24
    assert flat(1.0, enlarging) < flat(0.0, enlarging) - 8


def test_rows_without_a_target_are_masked(rows: list[Row], tasks: list[Task]) -> None:
    (batch,) = batches([Part(training_set(rows, tasks), 5)], 0, 1, workers=0)
    assert int(batch.present["mask"].sum()) == 3
    for target, present in zip(batch.targets["mask"], batch.present["mask"], strict=True):
        assert bool(target.abs().sum() > 0) == bool(present)


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("side", [24, 96])
def test_companions_stay_aligned(tmp_path: Path, make_task: MakeTask, scale: int, side: int) -> None:
    """Photo, own source and paired target show the same columns, however they are cropped, mirrored and enlarged."""
    ramp = torch.linspace(-0.9, 0.9, side * scale)
    photo = ramp.view(1, 1, -1).expand(3, side * scale, -1)
    images.write(tmp_path / "photo.png", photo)
    small = images.resize(photo, side, side)
    images.write(tmp_path / "small.png", small)
    row = Row(str(tmp_path / "photo.png"), str(tmp_path / "small.png"), {"x": str(tmp_path / "small.png")})
    tasks = [make_task("large", scale=scale), make_task("pair", Paired("x"))]
    dataset = TrainingSet([row], tasks, crop=32, degradation=CONFIG)
    for position in range(6):
        sample = dataset.sample(position)
        assert torch.equal(sample.source, sample.targets["pair"])
        inner = slice(3, -3)  # a crop's own edge is resized without its surroundings
        assert torch.allclose(sample.reference[..., inner], sample.source[..., inner], atol=2 / 127)


@pytest.mark.parametrize("side", [(24, 30), (97, 70)])
@pytest.mark.parametrize("largest", [2, 4])
def test_a_target_as_large_as_its_photo_is_reduced_with_it(
    make_picture: MakePicture, make_task: MakeTask, side: tuple[int, int], largest: int
) -> None:
    """A photo that is its own target stays bitwise equal to the picture it is compared with."""
    photo = str(make_picture("photo.png", side[0] * largest + 1, side[1] * largest + 1))
    row = Row(photo, targets={"same": photo})
    tasks = [make_task("large", scale=largest), make_task("pair", Paired("same"))]
    dataset = TrainingSet([row], tasks, crop=32, degradation=CONFIG)
    for position in range(4):
        sample = dataset.sample(position)
        assert torch.equal(sample.targets["pair"], sample.reference)
        assert sample.present["pair"]
    for batch in TestSet([row], tasks, Condition(name="clean"), 40, alongside=()):
        assert torch.equal(batch.targets["pair"], batch.reference)
        assert torch.equal(batch.targets["pair"], batch.source)


def test_derived_targets_are_made_of_the_clean_photo(rows: list[Row], make_task: MakeTask) -> None:
    sample = training_set(rows, [make_task("negative", Derived(torch.neg))]).sample(0)
    assert torch.equal(sample.targets["negative"], -sample.reference)


def test_misfit_is_refused_by_name(rows: list[Row], tasks: list[Task], make_picture: MakePicture) -> None:
    wrong = make_picture("wrong.png", 33, 33)
    row = Row(rows[0].picture, targets={"mask": str(wrong)})
    with pytest.raises(DataError, match=r"wrong\.png: has 33x33 pixels, expected 40x30 .*'mask'.*0\.png"):
        training_set([row], tasks).sample(0)
    own = Row(rows[0].picture, rows[0].picture)
    with pytest.raises(
        DataError, match=r"80x60 pixels, expected 40x30 \(source.*enlarges by 2, so its sources have 1/2"
    ):
        training_set([own], tasks).sample(0)


def test_unreadable_pictures_are_replaced_and_named(rows: list[Row], tasks: list[Task]) -> None:
    bad = [rows[0].picture, rows[3].picture]
    Path(bad[0]).write_bytes(b"no picture")
    Path(bad[1]).write_bytes(Path(bad[1]).read_bytes()[:200])
    for cache_mb in (0, 16):
        found = list(batches([Part(training_set(rows, tasks, cache_mb=cache_mb), 5)], 0, 2, workers=0))
        assert all(set(batch.skipped) == set(bad) for batch in found)
        assert all(len(batch.source) == 5 for batch in found)


@pytest.mark.parametrize("workers", [0, 1])
def test_nothing_readable_is_one_clear_line(rows: list[Row], make_task: MakeTask, workers: int) -> None:
    for row in rows:
        Path(row.picture).write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"none of the 5 training pictures can be read") as caught:
        list(batches([Part(training_set(rows, [make_task()]), 2)], 0, 1, workers=workers))
    assert "\n" not in str(caught.value)


def test_no_rows() -> None:
    with pytest.raises(DataError, match="no picture to train on"):
        TrainingSet([], [], 16)


@pytest.mark.parametrize("size", [64, 16])
def test_exemplars_are_cut_at_the_size_they_are_shown_at(
    make_picture: MakePicture, make_task: MakeTask, rows: list[Row], size: int
) -> None:
    task = make_task("style", Exemplar((str(make_picture("wide.png", 40, 160)),), size))
    sample = training_set(rows, [task]).sample(0)  # both are smaller than the crop on one side
    assert sample.examples["style"].shape == (3, 24, 24)


def test_unreadable_examples(rows: list[Row], make_task: MakeTask, tmp_path: Path) -> None:
    (tmp_path / "domain").mkdir()
    (tmp_path / "domain" / "a.png").write_bytes(b"no picture")
    task = make_task("drawn", Unpaired((str(tmp_path / "domain"),)))
    with pytest.raises(DataError, match=r"task 'drawn': none of its 1 pictures can be read .*a\.png"):
        training_set(rows, [task]).sample(0)
    with pytest.raises(PictureError, match="holds no picture"):
        (tmp_path / "domain" / "a.png").unlink()
        training_set(rows, [task])


# -- worker processes that die --------------------------------------------------------------------


def kill_worker() -> None:
    (worker,) = multiprocessing.active_children()
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)


def work_for(seconds: float) -> None:
    """Python code in which a signal handler might raise."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked")
def test_a_worker_that_dies_is_told_when_the_next_batch_is_asked_for(rows: list[Row], tasks: list[Task]) -> None:
    received = batches([Part(training_set(rows, tasks), 2)], 0, 1000, workers=1)
    next(received)
    kill_worker()
    work_for(0.5)
    with pytest.raises(DataError, match=r"a worker process was killed .*killed by signal.*data.workers"):
        next(received)


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked")
def test_a_worker_that_dies_while_it_hands_over_a_batch_is_told_once(
    rows: list[Row], tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sockets are closed some time before the parent is notified of its death."""
    module = importlib.import_module("prismgan.data.batches")
    loader = module._loader

    def broken(*arguments: Any) -> Iterator[Any]:
        received = loader(*arguments)
        yield next(received)
        threading.Timer(0.3, kill_worker).start()
        raise ConnectionResetError(104, "Connection reset by peer")

    monkeypatch.setattr(module, "_loader", broken)
    received = batches([Part(training_set(rows, tasks), 2)], 0, 1000, workers=1)
    next(received)
    with pytest.raises(DataError, match=r"a worker process was killed .*killed by signal"):
        next(received)
    work_for(0.5)  # torch's handler would raise here
