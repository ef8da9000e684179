"""Suites of content that restoration must preserve, and of real degradations; and the results of the ready-made
weights."""

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
from torch.nn import functional as F

from prismgan import Renderer, images
from prismgan.data import Condition
from prismgan.data.streams import stream
from prismgan.evaluation.benchmarks import drawn, restoration
from prismgan.evaluation.benchmarks.restoration import reduced
from prismgan.evaluation.benchmarks.suite import Bench, Suite
from prismgan.evaluation.measurement import Measurement
from prismgan.render import Request
from prismgan.weights import HeadEntry

DrawPicture = Callable[..., Path]


class Blurring:
    """A renderer that averages ``window`` x ``window`` pixels, and enlarges bicubically."""

    def __init__(self, window: int = 1) -> None:
        self.window = window
        entries = [("restore", "restore", 1), ("twice", "super_resolution", 2), ("four", "super_resolution", 4)]
        self.header = SimpleNamespace(
            tasks=[SimpleNamespace(name=name, kind=kind, scale=scale) for name, kind, scale in entries]
        )

    def __call__(self, source: Tensor, tasks: Iterable[str]) -> dict[str, Image.Image]:
        border = self.window // 2
        averaged = F.avg_pool2d(F.pad(source[None], (border,) * 4, mode="replicate"), self.window, stride=1)
        return {
            entry.name: images.to_pil(images.upsample(averaged, entry.scale)[0])
            for entry in self.header.tasks
            if entry.name in tasks
        }

    def render(self, pixels: NDArray[Any], request: Request) -> dict[str, NDArray[Any]]:
        pictures = self(images.from_pixels(pixels)[0], request.tasks or ())
        return {name: np.asarray(picture) for name, picture in pictures.items()}


def measured(suite: Suite, folder: Path, renderer: Any) -> list[Measurement]:
    return list(suite.measure(Bench(cast(Renderer, renderer), folder)))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures drawn for the suites are small."""
    monkeypatch.setattr(drawn, "SIDE", 64)


def test_contrast_is_the_part_of_a_pattern_that_is_left() -> None:
    stripes = torch.tensor([-1.0, 1.0]).repeat(8).expand(1, 3, 16, 16)
    for part in (1.0, 0.5, 0.0, -1.0):
        assert drawn.contrast(part * stripes + 0.2, stripes).tolist() == pytest.approx([part], abs=1e-6)


@pytest.mark.parametrize("name", drawn.PATTERN_KINDS)
def test_patterns_have_their_period_and_both_colours(name: str) -> None:
    period = int(name.rpartition("-")[2])
    pixels = drawn.pattern(drawn.PATTERN_KINDS[name], ((0, 0, 0), (255, 255, 255)), 48)
    assert pixels.min() < 10
    assert pixels.max() > 245
    large = drawn.pattern(drawn.PATTERN_KINDS[name], ((0, 0, 0), (255, 255, 255)), 48, 4)
    shrunk = F.avg_pool2d(large.float(), 4)
    assert float((shrunk - pixels.float()).abs().mean()) < 30
    if not name.startswith("grating"):
        assert torch.equal(pixels[:, :24, :12], pixels[:, :24, period : period + 12])


@pytest.mark.usefixtures("small")
def test_who_does_nothing_keeps_all_and_enlarges_as_bicubic(tmp_path: Path) -> None:
    for suite, metric, whole in ((drawn.TEXT, "psnr", 100), (drawn.PATTERNS, "contrast", 1)):
        assert suite.lacks(tmp_path) is None
        rows = measured(suite, tmp_path, Blurring())
        kept = [row for row in rows if row.task == "restore"]
        assert [(row.metric, row.value) for row in kept] == [(metric, pytest.approx(whole, abs=1e-5)) for _ in kept]
        assert all(row.value == row.baseline for row in rows if row.task != "restore")
    enlarged = [row for row in rows if row.task == "four" and row.metric == "contrast"]
    assert all(row.value is not None and 0 < row.value < 1 for row in enlarged)


@pytest.mark.usefixtures("small")
def test_who_erases_text_and_patterns_misses_the_aims(tmp_path: Path) -> None:
    rows = measured(drawn.TEXT, tmp_path, Blurring(3)) + measured(drawn.PATTERNS, tmp_path, Blurring(3))
    for row in rows:
        if row.task == "restore":
            assert row.value is not None and row.target is not None
            assert row.value < row.target


def test_faults_are_measured_against_the_degraded_photo(tmp_path: Path, draw_picture: DrawPicture) -> None:
    draw_picture(tmp_path / "test" / "cbsd68" / "a.png", 48, 56)
    draw_picture(tmp_path / "test" / "bsd100" / "b.png", 64, 96)
    for suite in (restoration.BLUR, restoration.CORRELATED, restoration.JPEG):
        assert suite.lacks(tmp_path) is None
        assert "test/cbsd68" in str(suite.lacks(tmp_path / "nowhere"))
        rows = measured(suite, tmp_path, Blurring())
        assert {row.suite for row in rows} == {suite.name}
        assert all(row.value == pytest.approx(row.baseline) for row in rows)
        for row in rows:
            if row.task == "restore" and row.target is not None:
                assert row.baseline is not None and 1 < row.target - row.baseline <= 2
    assert [row.condition for row in rows if row.task == "twice"] == [
        f"bsd100 jpeg-{quality} x2" for quality in (75, 40) for _ in ("psnr_y", "blockiness")
    ]


def test_blocks_of_an_enlarged_jpeg_are_counted(draw_picture: DrawPicture, tmp_path: Path) -> None:
    large = images.read(draw_picture(tmp_path / "photo.png", 128, 160))
    expected, small = images.to_float(large)[None], images.to_float(reduced(large, 2))
    assert restoration.blockiness(expected, expected).item() == 1
    shown = []
    for quality in (95, 40, 10):
        source = Condition(name="j", jpeg=quality).apply(small, stream(0))
        shown.append(restoration.blockiness(images.upsample(source[None], 2), expected).item())
    assert shown == sorted(shown)
    assert shown[0] < 1.2 < 1.5 < shown[2]


@pytest.fixture(scope="module")
def kept() -> list[Measurement]:
    """The contrast that restoration by the ready-made weights preserves in small pictures of text and patterns."""

    class Restoring(Bench):
        def of_kind(self, kind: str) -> list[HeadEntry]:
            return super().of_kind(kind) if kind == "restore" else []

    bench = Restoring(Renderer.load(), Path())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawn, "SIDE", 96)
        return [row for suite in (drawn.TEXT, drawn.PATTERNS) for row in suite.measure(bench)]


@pytest.mark.parametrize(
    "prefix",
    [
        "text-20",
        "text-12",
        "text-10",
        "stripes",
        "checkers",
        "grating",
    ],
)
def test_ready_made_weights_erase_neither_text_nor_patterns(kept: list[Measurement], prefix: str) -> None:
    rows = [row for row in kept if row.condition.startswith(prefix)]
    assert rows
    for row in rows:
        assert row.value is not None and row.target is not None
        assert row.target <= row.value, row.condition
        assert row.metric != "contrast" or row.value <= 1.1, row.condition
