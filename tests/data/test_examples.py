"""Crops of unpaired pictures avoid balloons and gutters."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from prismgan.data.pictures import blankness, unpaired_crop
from prismgan.data.streams import stream


def drawn(height: int, width: int, seed: int = 0) -> Tensor:
    """Coloured noise in blocks of four pixels, darker than paper."""
    coarse = torch.randint(0, 200, (3, -(-height // 4), -(-width // 4)), generator=torch.Generator().manual_seed(seed))
    return coarse.repeat_interleave(4, 1).repeat_interleave(4, 2)[:, :height, :width].to(torch.uint8)


def page() -> Tensor:
    """Two columns of three panels on white, with a balloon in every panel of the left column."""
    paper = torch.full((3, 420, 300), 255, dtype=torch.uint8)
    for top in (15, 150, 285):
        for left in (15, 155):
            paper[:, top : top + 120, left : left + 130] = drawn(120, 130, top + left)
        paper[:, top + 10 : top + 60, 25:115] = 250
    return paper


def test_blankness_by_hand() -> None:
    picture = drawn(20, 40)
    assert blankness(picture) == 0
    picture[:, :5] = 255
    # The fifth row of paper has a neighbour that is not paper; five of twenty rows have one colour, no column has.
    assert blankness(picture) == pytest.approx(4 / 20 + 5 / 20)
    assert blankness(torch.full((3, 8, 8), 255, dtype=torch.uint8)) == 3
    assert blankness(torch.zeros(3, 8, 8, dtype=torch.uint8)) == 2


def test_a_single_light_pixel_is_no_paper() -> None:
    picture = drawn(20, 20)
    picture[:, 10, 10] = 255
    assert blankness(picture) == 0


def test_crops_of_a_page_keep_away_from_balloons_and_gutters(monkeypatch: pytest.MonkeyPatch) -> None:
    def paper() -> float:
        crops = [unpaired_crop(page(), 32, stream(0, number)) for number in range(30)]
        return sum(float((crop > 0.9).all(0).float().mean()) for crop in crops) / len(crops)

    chosen = paper()
    monkeypatch.setattr("prismgan.data.pictures.ATTEMPTS", 1)
    assert chosen < 0.5 * paper()


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize(("height", "width"), [(64, 200), (20, 17)])
def test_a_picture_of_one_colour_still_gives_crops(value: int, height: int, width: int) -> None:
    crop = unpaired_crop(torch.full((3, height, width), value, dtype=torch.uint8), 24, stream(0))
    torch.testing.assert_close(crop, torch.full((3, 24, 24), value / 127.5 - 1))


def test_a_drawing_on_white_is_found() -> None:
    picture = torch.full((3, 400, 400), 255, dtype=torch.uint8)
    picture[:, 150:330, 100:300] = drawn(180, 200)
    shown = [float((unpaired_crop(picture, 32, stream(0, number)) < 0.9).any(0).float().mean()) for number in range(20)]
    assert sum(shown) / len(shown) > 0.5


def test_a_picture_without_paper_is_cut_as_large_as_ever() -> None:
    """The first square is taken, so only its size, corner and mirroring are drawn."""
    picture = drawn(200, 300)
    generator, other = stream(4), stream(4)
    unpaired_crop(picture, 24, generator)
    for _ in range(2):
        torch.rand((), generator=other, dtype=torch.float64)
        torch.randint(0, 9, (), generator=other)
    assert torch.equal(generator.get_state(), other.get_state())


def test_no_crop_is_enlarged_where_the_picture_is_large_enough() -> None:
    """Every column of a ramp has one colour, so smaller and smaller squares are tried; the number of colours gives its
    size."""
    ramp = torch.arange(256).to(torch.uint8).expand(3, 256, 256)
    for number in range(20):
        crop = unpaired_crop(ramp, 96, stream(1, number))
        assert float(crop.max() - crop.min()) * 127.5 >= 94


def test_crops_follow_from_the_generator() -> None:
    first, again = (unpaired_crop(page(), 32, stream(9)) for _ in range(2))
    assert torch.equal(first, again)
