"""The renderer: one picture in, every task's picture out, by one pass."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from PIL import Image, ImageChops

import prismgan
from prismgan import PrismganError, Renderer, images

DrawPicture = Callable[..., Path]


@pytest.fixture(scope="module")
def renderer(tiny_run: Path) -> Renderer:
    return Renderer.load(str(tiny_run / "weights.safetensors"))


def same(first: Image.Image, second: Image.Image) -> bool:
    return first.size == second.size and first.tobytes() == second.tobytes()


def test_a_picture_for_every_task(renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture) -> None:
    looks = renderer(str(draw_picture(tmp_path / "x.jpg", 50, 40)))
    assert list(looks) == list(renderer.tasks) == ["restore", "enlarge", "paint"]
    assert isinstance(looks["restore"], Image.Image)
    assert looks["restore"].size == looks["paint"].size == (40, 50)
    assert looks["enlarge"].size == (80, 100)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 31), (33, 18), (45, 64), (63, 65)])
def test_any_size(height: int, width: int, renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture) -> None:
    looks = renderer(draw_picture(tmp_path / "x.png", height, width))
    assert looks["restore"].size == (width, height)
    assert looks["enlarge"].size == (2 * width, 2 * height)


def test_one_pass_for_all_tasks(
    renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: dict[str, int] = {"generator": 0, "trunk": 0, "heads": 0}
    hooks = [
        module.register_forward_hook(lambda *_, name=name: calls.update({name: calls[name] + 1}))
        for name, module in [
            ("generator", renderer.generator),
            ("trunk", renderer.generator.trunk),
            *(("heads", head) for head in renderer.generator.heads.values()),
        ]
    ]
    photo = draw_picture(tmp_path / "x.png")
    renderer(photo)
    assert calls == {"generator": 1, "trunk": 1, "heads": 3}
    renderer(photo, ["paint"])
    assert calls == {"generator": 2, "trunk": 2, "heads": 4}
    for hook in hooks:
        hook.remove()


def test_the_same_twice_and_from_every_kind_of_input(
    renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture
) -> None:
    path = draw_picture(tmp_path / "x.png", 31, 46)
    expected = renderer(path)
    tensor = images.to_float(images.read(path))
    for picture in (path, str(path), Image.open(path), tensor):
        looks = renderer(picture)
        assert all(same(looks[name], expected[name]) for name in expected)


def test_the_seed_changes_the_tasks_that_vary_and_no_other(
    renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture
) -> None:
    # After eight steps the head barely answers to z: make it answer.
    head: Any = renderer.generator.heads["paint"]
    with torch.no_grad():
        saved = head.last.weight.clone()
        head.last.weight.normal_(std=0.3, generator=torch.Generator().manual_seed(0))
        for block in head.blocks:
            for name, parameter in block.named_parameters():
                if "code" in name or "modulation" in name or "film" in name:
                    parameter.normal_(std=0.3, generator=torch.Generator().manual_seed(1))
    photo = draw_picture(tmp_path / "x.png")
    first, second = renderer(photo, seed=1), renderer(photo, seed=2)
    with torch.no_grad():
        head.last.weight.copy_(saved)
    assert {name for name in first if not same(first[name], second[name])} == {"paint"}


def test_a_rotated_photo_comes_out_upright(renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture) -> None:
    upright = Image.open(draw_picture(tmp_path / "upright.png", 40, 60))
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    turned.save(tmp_path / "turned.png", exif=exif)
    assert turned.size == (40, 60)
    expected, found = renderer(tmp_path / "upright.png"), renderer(tmp_path / "turned.png")
    assert all(same(found[name], expected[name]) for name in expected)
    assert found["restore"].getexif().get(0x0112, 1) == 1


def test_transparency_and_grey(renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture) -> None:
    grey = Image.open(draw_picture(tmp_path / "x.png")).convert("L")
    grey.save(tmp_path / "grey.png")
    Image.new("RGBA", (32, 32), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("RGB", (32, 32), "white").save(tmp_path / "white.png")
    assert renderer(tmp_path / "grey.png")["restore"].mode == "RGB"
    looks, white = renderer(tmp_path / "clear.png"), renderer(tmp_path / "white.png")
    assert all(same(looks[name], white[name]) for name in white)


def test_an_untrained_restoration_leaves_the_picture_nearly_alone(
    renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture
) -> None:
    photo = Image.open(draw_picture(tmp_path / "x.png"))
    difference = ImageChops.difference(photo, renderer(photo)["restore"])
    assert max(high for _, high in difference.getextrema()) < 16


def test_wrong_calls(renderer: Renderer, tmp_path: Path, draw_picture: DrawPicture) -> None:
    with pytest.raises(PrismganError, match="did you mean 'restore'"):
        renderer(draw_picture(tmp_path / "x.png"), ["restor"])
    with pytest.raises(PrismganError, match="is 8x9 pixels"):
        renderer(draw_picture(tmp_path / "small.png", 9, 8))
    assert prismgan.Renderer is Renderer


def test_a_picture_that_memory_cannot_hold_is_refused(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: types.SimpleNamespace(available=10_000))
    with pytest.raises(PrismganError, match=r"takes about .* GB of memory"):
        renderer(Image.new("RGB", (64, 64)))
