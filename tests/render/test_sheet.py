from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from prismgan.render.sheet import BACKGROUND, sheet


def flat(colour: str, width: int = 80, height: int = 60) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def count(picture: Image.Image, colour: tuple[int, int, int]) -> int:
    return int((np.asarray(picture) == colour).all(axis=2).sum())


@pytest.mark.parametrize("number", range(1, 14))
def test_every_picture_is_shown_at_the_same_size(number: int) -> None:
    colours = [(10 * i, 255 - 10 * i, 255) for i in range(number)]
    pictures = {f"look {i}": Image.new("RGB", (80, 60), colour) for i, colour in enumerate(colours)}
    made = sheet(pictures, tile_width=120)
    assert [count(made, colour) for colour in colours] == [120 * 90] * number


def test_pictures_of_another_scale_get_the_same_room_and_a_note() -> None:
    plain = sheet({"source": flat("red"), "enlarged": flat("blue")}, tile_width=200)
    scaled = sheet({"source": flat("red"), "enlarged": flat("blue", 160, 120)}, tile_width=200)
    assert plain.size == scaled.size
    assert count(scaled, (0, 0, 255)) == 200 * 150
    difference = np.argwhere((np.asarray(plain) != np.asarray(scaled)).any(axis=2))
    assert len(difference) > 0
    assert difference[:, 0].min() > 150, "only the label differs"


def test_another_shape_is_fitted_inside() -> None:
    made = sheet({"wide": flat("red"), "tall": flat("blue", 30, 60)}, tile_width=120)
    assert count(made, (0, 0, 255)) == 45 * 90


def test_balanced_rows_of_landscape_pictures() -> None:
    shapes = {number: sheet({str(i): flat("red") for i in range(number)}, tile_width=100) for number in (8, 9)}
    assert shapes[9] == sheet({str(i): flat("red") for i in range(9)}, columns=3, tile_width=100)
    assert shapes[8] == sheet({str(i): flat("red") for i in range(8)}, columns=4, tile_width=100)


def test_margins_are_empty() -> None:
    made = np.asarray(sheet({"a": flat("red"), "b": flat("blue")}, tile_width=200, title="Looks"))
    for rim in (made[:10], made[-10:], made[:, :10], made[:, -10:]):
        assert (rim == BACKGROUND).all()


def test_long_and_broken_labels_keep_to_their_tile() -> None:
    long = sheet({"x" * 500: flat("red"), "two\nlines": flat("blue")}, columns=1, tile_width=100)
    assert long.width == sheet({"a": flat("red")}, tile_width=100).width
    assert (np.asarray(long)[:, -8:] == BACKGROUND).all()


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1"])
def test_any_mode_is_shown(mode: str) -> None:
    assert sheet({"a": flat("red").convert(mode)}).mode == "RGB"


def test_the_same_pictures_give_the_same_sheet() -> None:
    pictures = {"a": flat("red"), "b": flat("blue")}
    assert sheet(pictures) == sheet(pictures)


def test_what_cannot_be_laid_out_is_refused() -> None:
    with pytest.raises(ValueError, match="pictures"):
        sheet({})
    with pytest.raises(ValueError, match="columns"):
        sheet({"a": flat("red")}, columns=0)
    with pytest.raises(ValueError, match="tile_width"):
        sheet({"a": flat("red")}, tile_width=8)
