"""Benchmarks of restoration: the conventions of papers for test pictures and scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from prismgan import Renderer, images
from prismgan.evaluation.benchmarks import restoration
from prismgan.evaluation.benchmarks.restoration import DENOISING, SUPER_RESOLUTION, cropped, reduced
from prismgan.evaluation.benchmarks.suite import Bench
from prismgan.evaluation.measurement import Measurement
from prismgan.render import Request

DrawPicture = Callable[..., Path]


class Idle:
    """A renderer that does nothing: enlarges bicubically, restores nothing, but spoils a border on request."""

    def __init__(self, rim: int = 0) -> None:
        self.rim = rim
        entries = [("restore", "restore", 1), ("twice", "super_resolution", 2), ("four", "super_resolution", 4)]
        self.header = SimpleNamespace(
            tasks=[SimpleNamespace(name=name, kind=kind, scale=scale) for name, kind, scale in entries]
        )
        self.sources: list[Tensor] = []

    def __call__(self, source: Tensor, tasks: Iterable[str]) -> dict[str, Image.Image]:
        self.sources.append(source)
        found = {}
        for entry in self.header.tasks:
            if entry.name in tasks:
                image = images.upsample(source[None], entry.scale)[0]
                if self.rim:
                    image[:, : self.rim], image[:, -self.rim :] = 1, -1
                found[entry.name] = images.to_pil(image)
        return found

    def render(self, pixels: NDArray[Any], request: Request) -> dict[str, NDArray[Any]]:
        pictures = self(images.from_pixels(pixels)[0], request.tasks or ())
        return {name: np.asarray(picture) for name, picture in pictures.items()}


def measured(folder: Path, renderer: Idle) -> list[Measurement]:
    return list(restoration.RESTORATION.measure(Bench(cast(Renderer, renderer), folder)))


@pytest.fixture
def folder(tmp_path: Path, draw_picture: DrawPicture) -> Path:
    for name, height, width in (("set5/a", 49, 66), ("set5/b", 64, 65), ("set14/c", 50, 64), ("cbsd68/d", 40, 50)):
        draw_picture(tmp_path / "test" / f"{name}.png", height, width, seed=height)
    grey = Image.open(tmp_path / "test" / "set14" / "c.png").convert("L")
    grey.save(tmp_path / "test" / "set14" / "grey.png")
    return tmp_path


def test_cropping() -> None:
    pixels = torch.arange(3 * 7 * 9, dtype=torch.uint8).view(3, 7, 9)
    assert torch.equal(cropped(pixels, 4), pixels[:, :4, :8])
    assert torch.equal(cropped(pixels, 2), pixels[:, :6, :8])


def test_reduction_rounds_after_rows_and_after_columns() -> None:
    """The first of four pixels weighs 0.546875 in the first of two (see test_resize); of the last two it is -0.046875.

    253 gives 138.36, so 138, and that 75.47, so 75. Rounded once, 253 times 0.546875 squared is 75.67, so 76.
    """
    pixels = torch.zeros(3, 4, 4, dtype=torch.uint8)
    pixels[:, 0, 0] = 253
    assert reduced(pixels, 2)[0].tolist() == [[75, 0], [0, 0]]
    pixels[:, :, 1:] = pixels[:, :, :1]
    assert reduced(pixels, 2)[0].tolist() == [[138, 138], [0, 0]]


def test_doing_nothing_scores_as_the_baseline(folder: Path) -> None:
    rows = measured(folder, Idle())
    assert [(row.task, row.condition, row.metric, row.count) for row in rows] == [
        ("twice", "set5 x2", "psnr_y", 2),
        ("twice", "set14 x2", "psnr_y", 2),
        ("four", "set5 x4", "psnr_y", 2),
        ("four", "set14 x4", "psnr_y", 2),
        *(("restore", f"cbsd68 sigma-{sigma}{end}", "psnr", 1) for sigma in (15, 25, 50) for end in ("", " unclipped")),
        ("restore", "cbsd68 clean", "psnr", 1),
    ]
    *degraded, clean = rows
    assert all(row.value == row.baseline and 10 < row.value < 60 for row in degraded)
    assert (clean.value, clean.baseline) == (100, None)
    assert rows[0].literature == SUPER_RESOLUTION["set5"][2]
    assert rows[4].literature == DENOISING[15]


def test_a_border_of_the_scale_does_not_count(folder: Path) -> None:
    shaved_off = [row.value for row in measured(folder, Idle(rim=2)) if row.task == "twice"]
    assert shaved_off == [row.value for row in measured(folder, Idle()) if row.task == "twice"]
    one_more = [row.value for row in measured(folder, Idle(rim=3)) if row.task == "twice"]
    assert all(worse < value - 3 for worse, value in zip(one_more, shaved_off, strict=True))


def test_published_small_pictures_are_taken_where_there_are_any(folder: Path, draw_picture: DrawPicture) -> None:
    small = draw_picture(folder / "test" / "set5_lr_matlab" / "x2" / "ax2.png", 24, 33, seed=9)
    renderer = Idle()
    measured(folder, renderer)
    assert torch.equal(renderer.sources[0], images.to_float(images.read(small)))
    other = images.read(folder / "test" / "set5" / "b.png")
    assert torch.equal(renderer.sources[1], images.to_float(reduced(other[:, :64, :64], 2)))


def test_noise_is_the_same_every_time_and_clipped_or_not(folder: Path) -> None:
    first, second = Idle(), Idle()
    measured(folder, first)
    measured(folder, second)
    assert all(torch.equal(one, two) for one, two in zip(first.sources, second.sources, strict=True))
    clipped, unclipped = first.sources[8:10]
    assert torch.equal(clipped, unclipped.clamp(-1, 1))
    assert float(unclipped.abs().max()) > 1
    clean = images.to_float(images.read(folder / "test" / "cbsd68" / "d.png"))
    assert float((unclipped - clean).std()) == pytest.approx(15 / 127.5, rel=0.05)


def test_folders_and_weights_that_lack_something(tmp_path: Path, folder: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert restoration.RESTORATION.lacks(folder) is None
    assert "test/set5" in str(restoration.RESTORATION.lacks(empty))
    renderer: Any = Idle()
    renderer.header.tasks = []
    assert measured(folder, renderer) == []
