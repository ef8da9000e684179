"""Styles painted from the whole picture at a separate size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from helpers.tiny_renderers import difference, pixels, tiny_renderer
from prismgan import PrismganError, images
from prismgan.render import Request, stages
from prismgan.render.painting import BRUSH, Canvas, canvas_sides


def photo(height: int, width: int) -> NDArray[np.uint8]:
    """A smooth picture with one sharp edge."""
    rows, columns = np.mgrid[:height, :width]
    grey = 90 + 40 * np.sin(rows / height * 3) + 80 * (columns > width // 2)
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def test_pictures_are_painted_at_their_size_up_to_the_default_brush() -> None:
    assert canvas_sides(600, 800, None) == (600, 800)
    assert canvas_sides(300, 400, None) == (480, 640)
    assert canvas_sides(75, 100, None) == (150, 200)
    assert canvas_sides(3000, 4000, None) == (round(BRUSH * 0.75), BRUSH)
    assert canvas_sides(3000, 4000, 512) == (384, 512)
    assert canvas_sides(300, 400, 800) == (600, 800)
    assert canvas_sides(20, 4000, 256)[0] == images.MINIMUM_SIDE


def test_a_brush_of_the_pictures_size_changes_nothing() -> None:
    renderer, source = tiny_renderer("paint"), pixels(650, 130)
    plain = renderer.render(source)["paint"]
    assert np.array_equal(renderer.render(source, Request(brush=650))["paint"], plain)
    broad = renderer.render(source, Request(brush=128))["paint"]
    assert broad.shape == plain.shape
    assert not np.array_equal(broad, plain)


@pytest.mark.parametrize("brush", [128, 256])
def test_what_is_painted_small_or_large_agrees_from_tile_to_tile(brush: int, monkeypatch: pytest.MonkeyPatch) -> None:
    renderer, source = tiny_renderer("paint", "restore"), pixels(200, 170, 16)
    whole = renderer.render(source, Request(brush=brush), depth=16)
    monkeypatch.setattr(stages, "tile_sides", lambda *_: (64, 48))
    tiled = renderer.render(source, Request(brush=brush), depth=16)
    assert max(difference(tiled[name], whole[name]) for name in whole) <= 1


def test_an_enlarged_look_that_follows_the_photo_has_its_edges() -> None:
    """For a style that returns the photo itself, the enlargement is the photo, edges included."""
    source = photo(256, 256)
    canvas = Canvas([source], 128)
    canvas.coming = iter([(0, {"paint": canvas.source})])
    image = torch.from_numpy(source.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
    (tile,) = stages.tiles(256, 256, (256, 256), 0)
    found = canvas.part("paint", 0, tile, image)
    plain = images.resize(canvas.source, 256, 256)
    assert (found - image).abs().max() < 0.4 * (plain - image).abs().max()


@pytest.mark.parametrize("brush", [0, 127, 4097, 300.5, True, "512"])
def test_a_brush_that_is_no_size_is_refused(brush: Any) -> None:
    with pytest.raises(PrismganError, match=r"brush is .*; expected a whole number of pixels from 128 to 4096"):
        tiny_renderer("paint").render(pixels(40, 40), Request(brush=brush))
