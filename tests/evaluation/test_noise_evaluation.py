"""Measuring without a source: on synthetic images with known results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from PIL import Image
from torch import Tensor

from prismgan.data import Row
from prismgan.evaluation.measurement import Evaluation
from prismgan.evaluation.noise import NoiseEvaluation, alignment, labelled, train_classifier
from prismgan.images.drawing import edges
from prismgan.tasks import Task
from prismgan.tasks.paired import DerivedEntry, PairedEntry

SIDE = 32
Rows = list[Row]


def task(name: str, function: str) -> Task:
    return DerivedEntry(name=name, function=function, pixel_weight=0, adversarial_weight=1).task()


TASKS = [task("bar", "photo"), task("negative", "inverse"), task("lines", "edges")]


def bars(direction: int, count: int, seed: int) -> Tensor:
    """White bars (N, 3, 32, 32) on black, vertical (0) or horizontal (1), at random places."""
    places = torch.randint(4, 24, (count,), generator=torch.Generator().manual_seed(seed)).tolist()
    pictures = -torch.ones(count, 3, SIDE, SIDE)
    for picture, place in zip(pictures, places, strict=True):
        picture[:, :, place : place + 4] = 1
    return pictures.transpose(2, 3).contiguous() if direction else pictures


def everything(pictures: Tensor) -> dict[str, Tensor]:
    return {"bar": pictures, "negative": -pictures, "lines": edges(pictures)}


@pytest.fixture(scope="module", autouse=True)
def _few_steps_of_the_classifier() -> Iterator[None]:
    """Sufficient for collections that differ as much as these."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("prismgan.evaluation.noise.STEPS", 150)
        yield


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, Rows]:
    """Vertical and horizontal bars, 30 of each for training and 10 for testing."""
    folder = tmp_path_factory.mktemp("bars")
    found: tuple[Rows, Rows] = ([], [])
    for direction, collection in enumerate(("upright", "lying")):
        for number, picture in enumerate(bars(direction, 40, direction)):
            path = folder / f"{collection}-{number}.png"
            pixels = ((picture + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
            Image.fromarray(pixels).save(path)
            found[number >= 30].append(Row(str(path), collection=collection))
    return found


def measured(rows: tuple[Rows, Rows], pictures: Callable[[int], dict[str, Tensor]], count: int = 60) -> Evaluation:
    """The evaluation if the images of ``count`` latents are these."""
    images = iter(range(0, count, 100))

    def generate(latent: Tensor) -> dict[str, Tensor]:
        next(images)
        return pictures(len(latent))

    return NoiseEvaluation(cast(Any, generate), TASKS, *rows, crop=SIDE, seed=0).of(torch.zeros(count, 4))


def value(found: Evaluation, task: str, metric: str, key: str = "value") -> float:
    (row,) = [row for row in found.rows if (row.task, row.metric) == (task, metric)]
    return float(getattr(row, key))


def test_alignment_is_the_error_to_what_is_made_of_the_photo() -> None:
    photo = bars(0, 3, 5)
    outputs = everything(photo)
    outputs["negative"] = outputs["negative"].clone()
    outputs["negative"][..., :8, :] = 0  # a quarter is grey: half of the range wrong
    found = alignment(TASKS, outputs)
    assert list(found) == ["negative", "lines"]
    assert found["negative"][0] == pytest.approx(0.25 * 0.5)
    assert found["lines"][0] == 0
    assert found["lines"][1] > 0.05


def test_without_a_photo_there_is_no_alignment() -> None:
    outputs = everything(bars(0, 2, 0))
    assert alignment(TASKS[1:], outputs) == {}


def test_the_classifier_learns_the_collections_and_is_always_the_same(rows: tuple[Rows, Rows]) -> None:
    train, test = (labelled(some, TASKS, ("upright", "lying"), SIDE, 0) for some in rows)
    assert {name: len(some.pictures) for name, some in train.items()} == {"bar": 60, "negative": 60, "lines": 60}
    assert train["bar"].classes.tolist() == [0] * 30 + [1] * 30
    one, other = (train_classifier(train, 2, seed=0) for _ in range(2))
    for shown in test.values():
        assert torch.equal(one(shown.pictures).argmax(dim=1), shown.classes)
        assert torch.equal(one(shown.pictures), other(shown.pictures))


def test_a_generator_of_real_pictures_is_perfect(rows: tuple[Rows, Rows]) -> None:
    found = measured(rows, lambda count: everything(torch.cat([bars(0, count // 2, 7), bars(1, count // 2, 8)])))
    for name in ("bar", "negative", "lines"):
        assert value(found, name, "modes") == 2
        assert value(found, name, "modes", "baseline") == 2
        assert value(found, name, "balance") > 0.95
        assert value(found, name, "recognised") > 0.9
        assert found.shares[name]["upright"] == pytest.approx(0.5, abs=0.1)
    assert value(found, "negative", "absolute") == 0
    assert value(found, "negative", "absolute", "baseline") > 0.05
    assert value(found, "lines", "same_class") > 0.95
    collapsed = measured(rows, lambda count: everything(bars(1, 1, 7).expand(count, -1, -1, -1)))
    assert value(collapsed, "bar", "modes") == 1
    assert value(collapsed, "bar", "balance") == 0
    assert value(collapsed, "bar", "kid_classifier") > 5 * abs(value(found, "bar", "kid_classifier"))


def test_a_single_collection_has_no_modes(rows: tuple[Rows, Rows]) -> None:
    upright: tuple[Rows, Rows] = ([row for row in rows[0] if row.collection == "upright"], rows[1][:10])
    found = measured(upright, lambda count: everything(bars(0, count, 7)))
    assert {row.metric for row in found.rows} == {"absolute"}
    assert found.shares == {}


def test_rows_that_lack_a_picture_of_a_task_are_left_out(rows: tuple[Rows, Rows]) -> None:
    mask = PairedEntry(name="mask", pixel_weight=0, adversarial_weight=1).task()
    some = [Row(row.picture, targets={"mask": row.picture} if n < 4 else {}) for n, row in enumerate(rows[0][:10])]
    found = labelled(some, [TASKS[0], mask], ("",), SIDE, 0)
    assert {name: len(each.pictures) for name, each in found.items()} == {"bar": 10, "mask": 4}


def test_folders_are_collections(tmp_path: Path) -> None:
    train = [Row("a", collection="x"), Row("b", collection="y")]
    evaluation = NoiseEvaluation(cast(Any, None), TASKS, train, [], crop=SIDE, seed=0)
    assert evaluation.collections == ("x", "y")
