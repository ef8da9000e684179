"""The renderer: one picture in, every task's picture out, in one pass."""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

import prismgan
from helpers.tiny_renderers import difference, pixels, tiny_renderer
from prismgan import PrismganError, Renderer, images, render
from prismgan.errors import PictureError
from prismgan.render import Request

DrawPicture = Callable[..., Path]


TASKS = ("restore", "fine-2x", "varied")


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return tiny_renderer(*TASKS)


def array(picture: Image.Image | images.Picture) -> np.ndarray:
    return picture.pixels if isinstance(picture, images.Picture) else np.asarray(picture)


def same(first: Image.Image | images.Picture, second: Image.Image | images.Picture) -> bool:
    return np.array_equal(array(first), array(second))


def test_a_picture_for_every_task(renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture) -> None:
    looks = renderer(str(draw_picture(tmp_path / "x.jpg", 50, 40)))
    assert tuple(looks) == renderer.tasks == TASKS
    assert looks["restore"].image.size == looks["varied"].image.size == (40, 50)
    assert looks["fine-2x"].image.size == (80, 100)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 31), (33, 18), (45, 64), (63, 65)])
def test_any_size(height: int, width: int, renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture) -> None:
    looks = renderer(draw_picture(tmp_path / "x.png", height, width))
    assert looks["restore"].pixels.shape == (height, width, 3)
    assert looks["fine-2x"].pixels.shape == (2 * height, 2 * width, 3)


def test_one_pass_for_all_tasks(renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture) -> None:
    calls: dict[str, int] = {"trunk": 0, "heads": 0}
    hooks = [
        module.register_forward_hook(lambda *_, name=name: calls.update({name: calls[name] + 1}))
        for name, module in [
            ("trunk", renderer.generator.trunk),
            *(("heads", head) for head in renderer.generator.heads.values()),
        ]
    ]
    photo = draw_picture(tmp_path / "x.png")
    renderer(photo)
    assert calls == {"trunk": 1, "heads": 3}
    renderer(photo, ["varied"])
    assert calls == {"trunk": 1, "heads": 4}, "what paints needs no trunk"
    for hook in hooks:
        hook.remove()


def test_the_same_twice_and_from_every_kind_of_input(
    renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture
) -> None:
    path = draw_picture(tmp_path / "x.png", 31, 46)
    expected = renderer(path)
    for picture in (path, str(path), Image.open(path)):
        looks = renderer(picture)
        assert all(same(looks[name], expected[name]) for name in expected)


def test_the_seed_changes_the_tasks_that_vary_and_no_other(
    renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture
) -> None:
    photo = draw_picture(tmp_path / "x.png")
    first, second = renderer(photo, seed=1), renderer(photo, seed=2)
    assert {name for name in first if not same(first[name], second[name])} == {"varied"}


def test_a_rotated_photo_comes_out_upright(renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture) -> None:
    upright = Image.open(draw_picture(tmp_path / "upright.png", 40, 60))
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be rotated clockwise by 90 degrees
    turned.save(tmp_path / "turned.png", exif=exif)
    assert turned.size == (40, 60)
    expected, found = renderer(tmp_path / "upright.png"), renderer(tmp_path / "turned.png")
    assert all(same(found[name], expected[name]) for name in expected)
    found["restore"].save(tmp_path / "out.png")
    assert Image.open(tmp_path / "out.png").getexif().get(0x0112, 1) == 1


def test_transparency_and_grey(renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture) -> None:
    grey = Image.open(draw_picture(tmp_path / "x.png")).convert("L")
    grey.save(tmp_path / "grey.png")
    assert renderer(tmp_path / "grey.png")["restore"].image.mode == "RGB"
    Image.new("RGBA", (32, 32), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    found = renderer(tmp_path / "clear.png")["fine-2x"].image
    assert found.mode == "RGBA"
    assert found.getchannel("A").getextrema() == (0, 0)
    # A picture in memory has no file to keep transparency for.
    clear, white = renderer(Image.open(tmp_path / "clear.png")), renderer(Image.new("RGB", (32, 32), "white"))
    assert all(isinstance(look, Image.Image) and same(look, white[name]) for name, look in clear.items())


def test_pictures_of_one_size_are_rendered_together() -> None:
    renderer = tiny_renderer()
    sources = [pixels(31, 42, seed=seed) for seed in range(3)]
    request = Request(chain=("restore",), seeds=(0, 1), strength={"paint": 0.5})
    for found, source in zip(renderer.render_all(sources, request), sources, strict=True):
        expected = renderer.render(source, request)
        assert list(found) == list(expected)
        assert all(difference(found[name], expected[name]) <= 1 for name in expected)
    with pytest.raises(PictureError, match="2 sizes; pictures rendered together need the same size"):
        renderer.render_all([sources[0], pixels(31, 43)])


def test_an_untrained_restoration_leaves_the_picture_alone_to_the_last_of_16_bits() -> None:
    renderer, source = tiny_renderer("restore", fresh=True), pixels(31, 42, 16)
    assert np.array_equal(renderer.render(source, depth=16)["restore"], source)
    assert np.array_equal(renderer.render(source.astype(">u2"), depth=16)["restore"], source)
    assert np.array_equal(renderer.render(source)["restore"], np.round(source / 257))
    assert np.array_equal(renderer.render(pixels(31, 42), depth=16)["restore"], pixels(31, 42) * np.uint16(257))


def test_all_bits_of_a_source_are_used() -> None:
    """An exaggerated ramp with steps finer than 8 bits shows no steps."""
    renderer = tiny_renderer("restore")
    ramp = np.broadcast_to(np.linspace(30000, 30256, 64).astype(np.uint16)[None, :, None], (16, 64, 3))
    fine = renderer.render(ramp, depth=16)["restore"]
    rounded = renderer.render(np.round(ramp / 257).astype(np.uint8), depth=16)["restore"]
    assert len(np.unique(fine[8, 16:48, 0])) > 16 > len(np.unique(rounded[8, 20:44, 0]))


@pytest.mark.parametrize("depth", [8, 16])
def test_floats_are_taken_as_they_are(renderer: Renderer, depth: Any) -> None:
    source = pixels(20, 24, depth)
    floats = source.astype(np.float32) / (np.iinfo(source.dtype).max / 2) - 1
    first, second = renderer.render(source, depth=depth), renderer.render(floats, depth=depth)
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_one_blend_strength_and_mask_of_a_picture(renderer: Renderer) -> None:
    photo = Image.fromarray(pixels(20, 24))
    mask = np.zeros((20, 24))
    looks = renderer(photo, [], strength={"blend": 0.5}, blend={"restore": 1, "varied": 1}, mask=mask)
    assert list(looks) == ["blend"]
    assert same(looks["blend"], photo)
    assert not same(renderer(photo, strength={"restore": 0.5})["restore"], renderer(photo)["restore"])
    assert list(renderer(photo, ["restore"], blend={"varied": 1})) == ["restore", "blend"]


def test_wrong_calls(renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture) -> None:
    with pytest.raises(PrismganError, match="did you mean 'restore'"):
        renderer(draw_picture(tmp_path / "x.png"), ["restor"])
    with pytest.raises(PrismganError, match="is 8x9 pixels"):
        renderer(draw_picture(tmp_path / "small.png", 9, 8))
    assert prismgan.Renderer is Renderer
    assert render.Request is Request


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((20, 24), np.uint8), "photo.png: is an array of shape \\(20, 24\\), expected \\(height, width, 3\\)"),
        (np.zeros((20, 24, 4), np.uint8), "expected \\(height, width, 3\\)"),
        (np.zeros((20, 24, 3), np.int32), "an array of int32, expected uint8, uint16, or floats"),
        (np.full((20, 24, 3), np.nan), "non-finite pixels"),
        (np.zeros((20, 15, 3), np.uint8), "is 15x20 pixels"),
    ],
)
def test_arrays_that_are_no_pictures(renderer: Renderer, source: NDArray[Any], message: str) -> None:
    with pytest.raises(PictureError, match=message):
        renderer.render(source, where="photo.png")
    with pytest.raises(PrismganError, match="expected 8 or 16"):
        renderer.render(pixels(20, 24), depth=12)  # type: ignore[arg-type]


def test_the_memory_says_how_large_tiles_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest accepted budget is the one that the error names, and its tiles give the same picture."""
    source = pixels(330, 310)
    whole = tiny_renderer(*TASKS).render(source)
    with pytest.raises(
        PictureError, match=r"rendering 310x330 pixels takes at least (\d+) MB .* 0 MB allowed"
    ) as caught:
        tiny_renderer(*TASKS, memory=1000).render(source)
    needed = int(re.findall(r"at least (\d+) MB", str(caught.value))[0])
    assert "\n" not in str(caught.value)
    told: list[tuple[int, int]] = []
    renderer = tiny_renderer(*TASKS, memory=needed * 1_000_000)
    tiled = renderer.render(source, progress=lambda *now: told.append(now))
    assert len(told) > 1
    assert max(difference(tiled[name], whole[name]) for name in whole) <= 1
    told.clear()
    tiny_renderer(*TASKS, memory=400_000_000).render(source, progress=lambda *now: told.append(now))
    assert told == [(1, 1)]


def test_a_picture_that_memory_cannot_hold_is_refused(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: types.SimpleNamespace(available=10_000))
    with pytest.raises(PictureError, match=r"64x64 pixels takes at least 8 MB of memory, and there are 0 MB free"):
        renderer(Image.new("RGB", (64, 64)))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: types.SimpleNamespace(available=900_000_000))
    # 40 megapixels enlarged twice, in 16 bits: 960 MB.
    huge = np.broadcast_to(np.zeros(3, np.uint8), (5000, 8000, 3))
    with pytest.raises(PictureError, match=r"takes at least [\d,]+ MB of memory, and there are 900 MB free"):
        renderer.render(huge, Request(("fine-2x",)), depth=16)
