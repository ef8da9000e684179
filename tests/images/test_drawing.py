"""Drawings made from a photo by fixed filters."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from skimage import data
from torch import Tensor
from torch.nn import functional as F

from prismgan import images
from prismgan.images.drawing import STYLE_PARAMETERS, comic, edges, inverse, outlines, pencil, tangents
from prismgan.images.filters import blur, gradient, guided_filter
from prismgan.images.pixels import luma

DRAWINGS = {"pencil": pencil, "comic": comic, "edges": edges, "inverse": inverse}
each_drawing = pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)


def photos(height: int = 40, width: int = 48, rows: int = 2) -> Tensor:
    coarse = torch.rand(rows, 3, 6, 6, generator=torch.Generator().manual_seed(0)) * 2.4 - 1.2
    return F.interpolate(coarse, size=(height, width), mode="bicubic").clamp(-1, 1)


@each_drawing
@pytest.mark.parametrize(("height", "width"), [(33, 47), (16, 16), (17, 64)])
def test_drawings_keep_shape_and_range(draw: Callable[[Tensor], Tensor], height: int, width: int) -> None:
    drawing = draw(photos(height, width))
    assert drawing.shape == (2, 3, height, width)
    assert drawing.dtype == torch.float32
    assert drawing.min() >= -1
    assert drawing.max() <= 1


@each_drawing
@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
def test_drawings_of_flat_pictures_are_flat(draw: Callable[[Tensor], Tensor], value: float) -> None:
    drawing = draw(torch.full((1, 3, 20, 24), value))
    torch.testing.assert_close(drawing, drawing[..., :1, :1].expand_as(drawing), atol=1e-5, rtol=0)


@each_drawing
def test_a_row_is_drawn_alone_and_left_as_it_was(draw: Callable[[Tensor], Tensor]) -> None:
    rows = photos()
    before = rows.clone()
    torch.testing.assert_close(draw(rows)[1:], draw(rows[1:]), atol=1e-4, rtol=0)
    assert torch.equal(rows, before)


@each_drawing
def test_drawings_differ_from_the_photo_and_can_be_learnt_from(draw: Callable[[Tensor], Tensor]) -> None:
    rows = photos().requires_grad_()
    drawing = draw(rows)
    assert (drawing - rows).abs().mean() > 0.02
    drawing.mean().backward()
    assert rows.grad is not None
    assert rows.grad.isfinite().all()


def test_the_inverse_of_the_inverse_is_the_photo() -> None:
    assert torch.equal(inverse(inverse(photos())), photos())


@pytest.mark.parametrize("draw", [pencil, edges])
def test_pencil_and_edges_are_grey(draw: Callable[[Tensor], Tensor]) -> None:
    red, green, blue = draw(photos()).unbind(1)
    assert torch.equal(red, green)
    assert torch.equal(red, blue)


def test_edges_by_hand() -> None:
    """A ramp of slope s per pixel has a Scharr gradient of s, and is drawn at 4 s of the way from black to white."""
    ramp = (torch.arange(32) * 0.02 - 0.3).expand(1, 3, 20, 32)
    inside = edges(ramp)[..., 8:-8]
    torch.testing.assert_close(inside, torch.full_like(inside, 2 * 4 * 0.02 - 1), atol=1e-3, rtol=0)


def test_outlines_are_paper_on_flat_ground_and_ink_at_a_dark_line() -> None:
    photo = torch.full((1, 3, 32, 32), 0.5)
    photo[..., 15:17] = -1
    ink = outlines(photo)
    assert ink.shape == (1, 1, 32, 32)
    assert ink[..., 16].max() < 0.2
    assert ink[..., 2].min() == 1


def test_a_comic_keeps_an_edge_and_flattens_what_lies_beside_it() -> None:
    step = torch.where(torch.arange(48) < 24, -0.6, 0.6).expand(1, 3, 48, 48)
    texture = 0.1 * torch.randn(1, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    flat = comic((step + texture).clamp(-1, 1))
    assert flat[..., 4:16].std() < 0.4 * texture.std()
    assert flat[..., 26:28].mean() - flat[..., 20:22].mean() > 0.9


def test_ink_is_relative_to_local_light() -> None:
    """A line in the shade that is darker by the same fraction of its surroundings gets the same ink: dark skin keeps
    its features."""
    light = torch.full((1, 3, 32, 32), 0.6)
    light[..., 15:17] = 0.2
    dark = (light + 1) / 4 - 1
    assert outlines(light)[..., 16].max() < 0.3
    assert outlines(dark)[..., 16].max() < 0.4


def test_a_comic_has_steps_of_tone_where_a_photo_shades() -> None:
    ramp = (torch.arange(256) / 128 - 1).expand(1, 3, 64, 256)
    row = comic(ramp)[0, 0, 32, 16:-16]
    changes = (row[1:] - row[:-1]).abs()
    assert (changes < 0.25 * changes.max()).float().mean() > 0.5


def test_pencil_paper_is_white_where_a_photo_is_bright_and_plain() -> None:
    bright = 0.5 + 0.01 * torch.randn(1, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    assert pencil(bright).median() > 0.86  # 0.93 of the way from black to white


def test_lines_close_gaps_and_drop_specks() -> None:
    """Smoothing along a line darkens its gap; a dot, which has no direction, becomes fainter."""
    photo = torch.full((1, 3, 48, 48), 0.5)
    photo[..., 10, :] = -0.5
    photo[..., 10, 23:25] = 0.5
    photo[..., 36, 24] = -0.5
    ink = outlines(photo)[0, 0]
    assert ink[10, 23:25].max() < 0.3
    assert ink[36, 24] > ink[10, 10]


@pytest.mark.parametrize("degrees", [0, 30, 90, 135])
def test_tangents_run_along_a_line(degrees: float) -> None:
    angle = math.radians(degrees)
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    stripes = torch.sin(0.6 * (columns * -math.sin(angle) + rows * math.cos(angle))).expand(1, 3, 32, 32)
    found = tangents(stripes)[0, :, 8:-8, 8:-8]
    along = found[0] * math.cos(angle) + found[1] * math.sin(angle)
    torch.testing.assert_close(along.abs(), torch.ones_like(along), atol=0.02, rtol=0)


def test_gradient_by_hand() -> None:
    plane = (0.3 * torch.arange(8.0) + 0.1 * torch.arange(8.0)[:, None]).expand(1, 2, 8, 8)
    right, down = (each[..., 1:-1, 1:-1] for each in gradient(plane))
    torch.testing.assert_close(right, torch.full_like(right, 2 * 0.3 / 2))
    torch.testing.assert_close(down, torch.full_like(down, 2 * 0.1 / 2))


def test_comic_draws_no_bands_into_a_sky() -> None:
    """A smooth gradient remains smooth: it rises everywhere, nowhere much faster than the photo, and has no lines."""
    sky = torch.linspace(-0.2, 0.6, 128)[:, None].expand(1, 3, 128, 40)
    steps = comic(sky)[0, 2, 16:-16, 20].diff()
    assert steps.min() > -1e-3
    assert steps.max() < 4 * 0.8 / 127


def test_comic_is_flat_where_the_photo_has_only_texture() -> None:
    photo = 0.08 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) + 0.2
    assert comic(photo)[..., 8:-8, 8:-8].std() < 0.35 * photo.std()


def test_comic_is_more_colourful_than_the_photo() -> None:
    photo = torch.tensor([0.4, 0.0, -0.3]).view(1, 3, 1, 1).expand(1, 3, 32, 32)
    drawn = comic(photo)[0, :, 16, 16]
    assert drawn.max() - drawn.min() > 1.2 * 0.7
    assert drawn.argsort().tolist() == [2, 1, 0]


@pytest.mark.parametrize("sigma", [0.8, 3.0])
def test_blur_keeps_the_mean_of_a_dot_and_spreads_it_by_sigma(sigma: float) -> None:
    dot = torch.zeros(1, 1, 41, 41, dtype=torch.float64)
    dot[..., 20, 20] = 1
    spread = blur(dot, sigma)[0, 0]
    assert float(spread.sum()) == pytest.approx(1)
    offsets = torch.arange(-20, 21, dtype=torch.float64)
    assert float((spread.sum(0) * offsets.square()).sum()) == pytest.approx(sigma**2, rel=0.05)
    torch.testing.assert_close(spread, spread.T)


def test_hands_draw_the_same_comic_differently() -> None:
    photo = images.to_float(torch.from_numpy(data.astronaut()[:200, 130:330].copy()).permute(2, 0, 1)[None])

    def by(number: int, value: float) -> Tensor:
        drawing_style = torch.zeros(1, STYLE_PARAMETERS)
        drawing_style[0, number] = value
        return comic(photo, drawing_style)

    def dark(drawing: Tensor) -> float:
        return float((drawing < -0.9).all(1).float().mean())

    middle = by(0, 0.0)
    torch.testing.assert_close(comic(photo), middle)
    assert dark(by(0, -1.0)) < dark(middle) < dark(by(0, 1.0)), "a brush draws broader lines than a pen"
    assert by(1, 1.0).mean() > by(1, -1.0).mean() + 0.05, "from dark to light"
    cool, warm = (by(2, warmth)[0].mean((1, 2)) for warmth in (-1.0, 1.0))
    assert warm[0] - warm[2] > cool[0] - cool[2] + 0.05
    few, many = (len(luma(by(3, tones)).mul(40).round().unique()) for tones in (-1.0, 1.0))
    assert few <= many
    assert dark(by(4, -1.0)) < dark(middle) < dark(by(4, 1.0)), "from little ink to much"
    smooth = guided_filter(photo, luma(photo), radius=2, epsilon=0.003)
    assert (by(5, 1.0) - smooth).abs().mean() < (by(5, -1.0) - smooth).abs().mean(), "from flat to shaded"
    torch.testing.assert_close(by(5, -1.0), middle)
    both = comic(
        photo.expand(2, -1, -1, -1), torch.stack([-torch.eye(STYLE_PARAMETERS)[0], torch.eye(STYLE_PARAMETERS)[0]])
    )
    torch.testing.assert_close(both, torch.cat([by(0, -1.0), by(0, 1.0)]))
