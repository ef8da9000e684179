"""Benchmarks of styles: compared with optimisation, on clips, for grids."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from prismgan import PrismganError, Renderer, images
from prismgan.evaluation.benchmarks import styles
from prismgan.evaluation.benchmarks.artefacts import CONSISTENCY, GRIDS, find_clips
from prismgan.evaluation.benchmarks.styles import descent
from prismgan.evaluation.benchmarks.suite import Bench
from prismgan.networks import FeatureNetwork
from prismgan.render import Request
from prismgan.render.video.consistency import first_frames, flow
from prismgan.tasks import Style, Task
from prismgan.weights import HeadEntry

DrawPicture = Callable[..., Path]


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    coarse = torch.rand(1, 3, height // 6, width // 6, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(-0.8, 0.8)


class Looks:
    """A renderer with two styles: one is the photo itself, the other flickers by 0.1, in [0, 1], and has a grid."""

    def __init__(self) -> None:
        self.header = SimpleNamespace(
            tasks=[
                HeadEntry(name=name, kind=kind, scale=1, fine=False, latent=False)
                for name, kind in (("restore", "restore"), ("same", "style"), ("flicker", "cartoon"))
            ]
        )
        self.sign = itertools.cycle((-1, 1))

    def __call__(self, source: Tensor, tasks: Iterable[str]) -> dict[str, Image.Image]:
        assert list(tasks) == ["same", "flicker"]
        grid = torch.zeros_like(source)
        grid[:, ::2, ::2] = 0.05
        flicker = source + next(self.sign) * 0.1 + grid
        return {"same": images.to_pil(source), "flicker": images.to_pil(flicker)}

    def render(self, pixels: NDArray[Any], request: Request) -> dict[str, NDArray[Any]]:
        pictures = self(images.from_pixels(pixels)[0], request.tasks or ())
        return {name: np.asarray(picture) for name, picture in pictures.items()}


def bench(folder: Path, **options: Any) -> Bench:
    return Bench(cast(Renderer, Looks()), folder, **options)


# -- optimisation and styles -----------------------------------------------------------------------


def test_optimisation_goes_downhill_to_what_the_loss_asks_for() -> None:
    content, wanted = torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.4)
    wanted[..., 0] = 3  # unreachable: values stay in [-1, 1]

    def loss(image: Tensor) -> Tensor:
        return (image - wanted).square().flatten(1).mean(1)

    with torch.no_grad():  # as in production; gradients are switched on inside
        *_, found = itertools.islice(descent(content, loss), 100)
    assert not content.any()
    torch.testing.assert_close(found[..., 1:], wanted[..., 1:], atol=0.02, rtol=0)
    assert torch.equal(found[..., 0], torch.ones(1, 3, 8))


def random_features(seed: int) -> FeatureNetwork:
    torch.manual_seed(seed)
    return cast(FeatureNetwork, FeatureNetwork([[8, 8], [8, 8], [8]]).frozen())


def style_task(*exemplars: str, **fields: Any) -> Task:
    return Style(name="great-wave", exemplars=exemplars or ("nowhere.png",), exemplar_size=64, **fields).task()


def test_objectives_of_one_pass_and_of_optimisation() -> None:
    photo, look = picture(64, 80), picture(64, 80, seed=1)
    task = style_task(style_weight=2.0, content_weight=0.5)
    first, second, other = (
        styles.objective_of(task, random_features(seed), [picture(64, 64, seed=2)[0]]) for seed in range(3)
    )
    found = styles.compare([photo], [look], {"first": first, "second": second}, {"other": other}, iterations=(2, 40))
    whats = ["photo", "one pass", "2 iterations", "40 iterations"]
    assert sorted(found) == sorted((network, what) for network in ("first", "second", "other") for what in whats)
    for network, objective in (("first", first), ("second", second), ("other", other)):
        assert found[network, "photo"] == pytest.approx(float(objective(photo, photo)))
        assert found[network, "one pass"] == pytest.approx(float(objective(look, photo)))
    for network in ("first", "second"):
        assert found[network, "40 iterations"] < min(found[network, "2 iterations"], found[network, "photo"])
    # The judge is given the result of the first network, rounded as in a file.
    *_, optimised = itertools.islice(descent(photo, lambda image: first(image, photo)), 40)
    rounded = images.to_float(images.to_uint8(optimised))
    assert found["other", "40 iterations"] == pytest.approx(float(other(rounded, photo)), rel=1e-5)


def test_an_objective_is_what_the_task_weighs() -> None:
    photo, look, features = picture(64, 64), picture(64, 64, seed=1), random_features(0)
    whole, style, content = (
        float(
            styles.objective_of(style_task(style_weight=a, content_weight=b), features, [picture(64, 64, seed=2)[0]])(
                look, photo
            )
        )
        for a, b in ((2.0, 0.5), (1.0, 0.0), (0.0, 1.0))
    )
    assert whole == pytest.approx(2 * style + 0.5 * content, rel=1e-5)


def test_exemplars_are_found_where_the_recipe_says_or_by_their_name(tmp_path: Path, draw_picture: DrawPicture) -> None:
    kept = tmp_path / "styles"
    assert styles._exemplars(style_task(), kept) == []
    draw_picture(kept / "the_great_wave_1831.png", 64, 60)
    by_task = styles._exemplars(style_task("far/away.png"), kept)
    draw_picture(kept / "away.png", 64, 50)
    by_file = styles._exemplars(style_task("far/away.png"), kept)
    by_path = styles._exemplars(style_task(str(draw_picture(tmp_path / "here.png", 64, 40))), kept)
    assert [found[0].shape for found in (by_task, by_file, by_path)] == [(3, 64, 60), (3, 64, 50), (3, 64, 40)]


def test_the_styles_of_trained_weights(
    tmp_path: Path, tiny_run: Path, draw_picture: DrawPicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(styles, "ITERATIONS", (1, 2))
    for seed in range(2):
        draw_picture(tmp_path / "test" / "bsd100" / f"{seed}.png", 96, 72, seed)
    assert "perceptual" in str(styles.STYLES.lacks(tmp_path))
    (tmp_path / "perceptual").mkdir()
    network = FeatureNetwork([[4, 4], [4]])
    for name in (styles.TEACHERS[0], styles.JUDGE):
        save_file(network.state_dict(), tmp_path / "perceptual" / f"{name}.safetensors")
    assert styles.STYLES.lacks(tmp_path) is None
    told: list[str] = []
    measured = Bench(Renderer.load(tiny_run / "weights.safetensors"), tmp_path, photos=1, announce=told.append)
    rows = list(styles.STYLES.measure(measured))
    assert {row.task for row in rows} == {"paint"}
    assert {row.count for row in rows} == {1}
    assert [row.condition for row in rows if row.condition.startswith("squeeze")] == [
        f"squeezenet1_1_fp16: {what}" for what in ("photo", "one pass", "1 iterations", "2 iterations")
    ]
    assert len(rows) == 8
    assert len(told) == 1


# -- clips -----------------------------------------------------------------------------------------


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A camera that moves 2 pixels to the right per frame: 5 frames of 96x64, lossless."""
    av = pytest.importorskip("av")
    pytest.importorskip("cv2")
    path = tmp_path / "video" / "pan.mkv"
    path.parent.mkdir()
    panorama = images.to_uint8(picture(64, 120)[0])
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "bgr0"
        for number in range(5):
            view = panorama[:, :, 2 * number : 2 * number + 96].permute(1, 2, 0).contiguous().numpy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(view, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_frames_of_a_clip(clip: Path) -> None:
    found = list(first_frames(clip, most=3, widest=200))
    assert len(found) == 3
    assert torch.equal(found[1], images.to_uint8(picture(64, 120)[0])[:, :, 2:98])
    assert [tuple(frame.shape) for frame in first_frames(clip, most=9, widest=48)] == [(3, 32, 48)] * 5


def test_the_flow_of_a_camera_that_moves(clip: Path) -> None:
    before, after = itertools.islice(first_frames(clip, most=2, widest=96), 2)
    backward = flow(after, before)
    assert backward.shape == (1, 2, 64, 96)
    middle = backward[0, :, 16:-16, 16:-16]
    assert float(middle[0].median()) == pytest.approx(2, abs=0.1)
    assert float(middle[1].median()) == pytest.approx(0, abs=0.1)


def test_a_look_that_flickers_is_found_out(clip: Path) -> None:
    measured = list(CONSISTENCY.measure(bench(clip.parents[1])))
    rows = {(row.task, row.metric): row for row in measured if row.condition == "pan"}
    steadied = {(row.task, row.metric): row for row in measured if row.condition == "pan, steadied"}
    assert len(rows) == len(steadied) == 6
    assert steadied["flicker", "warping_ratio"].value < 0.6 * rows["flicker", "warping_ratio"].value
    assert {row.count for row in rows.values()} == {4}
    assert rows["same", "warping_ratio"].value == pytest.approx(1)
    assert rows["same", "warping_error"].value == rows["same", "warping_error"].baseline
    # Its brightness changes by 0.2 in [-1, 1], which is 0.1 in [0, 1]; the grid replaces the loss by interpolation.
    flicker = rows["flicker", "warping_error"]
    assert flicker.value == pytest.approx(0.1, rel=0.05)
    assert rows["flicker", "warping_ratio"].value == pytest.approx(flicker.value / float(flicker.baseline or 0))
    assert rows["flicker", "warping_ratio"].target == 1.6
    squared = rows["flicker", "warping_ratio_squared"].value
    assert squared == pytest.approx(rows["flicker", "warping_ratio"].value ** 2)


def test_a_clip_that_is_none(tmp_path: Path) -> None:
    pytest.importorskip("av")
    assert "video" in str(CONSISTENCY.lacks(tmp_path))
    (tmp_path / "video").mkdir()
    bad = tmp_path / "video" / "bad.mp4"
    bad.write_text("no clip")
    assert find_clips(tmp_path / "video") == [bad]
    with pytest.raises(PrismganError, match=r"bad\.mp4: is not a clip"):
        list(CONSISTENCY.measure(bench(tmp_path)))


# -- grids -----------------------------------------------------------------------------------------


def test_a_look_with_a_grid_is_found_out(tmp_path: Path) -> None:
    for seed in range(3):
        images.write(tmp_path / "test" / "bsd100" / f"{seed}.png", picture(240, 384, seed)[0])
    same, flicker = GRIDS.measure(bench(tmp_path, photos=2))
    assert same.count == flicker.count == 2
    assert same.value == pytest.approx(float(same.baseline or 0), abs=1e-3)
    assert flicker.value > float(flicker.baseline or 0) + 6
