"""Pictures in memory: ranges, enlargement and reduction by Keys' kernel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from prismgan import images
from prismgan.images import keys


def noise(height: int, width: int, rows: int = 1) -> Tensor:
    return torch.rand(rows, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


# -- ranges --------------------------------------------------------------------------------------


def test_all_256_values_survive_the_way_to_float_and_back() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 16, 16).expand(3, -1, -1)
    image = images.to_float(pixels)
    assert image.dtype == torch.float32
    assert (float(image.min()), float(image.max())) == (-1, 1)
    assert torch.equal(images.to_uint8(image), pixels)
    assert torch.equal(images.to_uint8(image.to(torch.float64)), pixels)


def test_values_are_rounded_to_nearest_and_clipped() -> None:
    image = torch.tensor([-5.0, -1.0, 0.49 / 127.5 - 1, 0.51 / 127.5 - 1, 1.0, 1.2])
    assert images.to_uint8(image).tolist() == [0, 0, 0, 1, 255, 255]
    assert images.to_uint8(image.requires_grad_()).requires_grad is False


def test_pillow_and_back() -> None:
    pixels = (noise(17, 22)[0] * 100 + 100).clamp(0, 255).to(torch.uint8)
    picture = images.to_pil(pixels)
    assert picture.size == (22, 17)
    assert torch.equal(torch.from_numpy(np.array(picture)).permute(2, 0, 1), pixels)
    assert torch.equal(images.from_pil(picture), pixels)
    assert images.to_pil(images.to_float(pixels)).tobytes() == picture.tobytes()


def test_luma_by_hand() -> None:
    colours = torch.tensor([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1], [0.3, 0.3, 0.3]])
    expected = [2 * 0.299 - 1, 2 * 0.587 - 1, 2 * 0.114 - 1, 0.3]
    assert images.luma(colours.view(4, 3, 1, 1)).flatten().tolist() == pytest.approx(expected, abs=1e-6)


# -- Keys' kernel --------------------------------------------------------------------------------


def test_keys_kernel_by_hand() -> None:
    """a = -0.5: 1 at 0, 0 at other whole numbers, 9/16 and -1/16 half-way."""
    x = torch.tensor([0, 1, 2, 3, 0.5, 1.5, 0.25, 0.75, 1.25, 1.75], dtype=torch.float64)
    expected = [1, 0, 0, 0, 0.5625, -0.0625, 0.8671875, 0.2265625, -0.0703125, -0.0234375]
    assert keys(x).tolist() == pytest.approx(expected)
    assert keys(-x).tolist() == pytest.approx(expected)
    phases = torch.linspace(0, 1, 11, dtype=torch.float64)
    taps = torch.arange(-3, 4, dtype=torch.float64)
    torch.testing.assert_close(keys(taps - phases[:, None]).sum(1), torch.ones(11, dtype=torch.float64))


def test_doubling_a_dot_gives_the_kernel() -> None:
    dot = torch.zeros(1, 3, 9, 9)
    dot[..., 4, 4] = 1
    # Sub-pixels of a doubled picture are offset by a quarter of a pixel.
    row = torch.tensor([-0.0234375, -0.0703125, 0.2265625, 0.8671875])
    row = torch.cat([row, row.flip(0)])
    expected = torch.outer(row, row).expand(3, 8, 8)
    for doubled in (images.upsample(dot, 2), images.resize(dot, 18, 18)):
        torch.testing.assert_close(doubled[0, :, 5:13, 5:13], expected, atol=1e-6, rtol=0)
        assert float(doubled.sum()) == pytest.approx(3 * 4, rel=1e-5)


def test_halving_a_dot_gives_the_widened_kernel() -> None:
    """Antialiased: the kernel is twice as wide and half as high, as in MATLAB's imresize."""
    dot = torch.zeros(1, 3, 16, 16)
    dot[..., 8, 8] = 1
    # Position 8 lies 0.25 from the small pixel 4 and 0.75, 1.25, 1.75 from its neighbours, in small pixels.
    row = torch.tensor([-0.0234375, 0.2265625, 0.8671875, -0.0703125]) / 2
    halved = images.resize(dot, 8, 8)
    torch.testing.assert_close(halved[0, 0, 2:6, 2:6], torch.outer(row, row), atol=1e-6, rtol=0)


def test_reduction_is_pillows_bicubic_away_from_borders() -> None:
    """An independent implementation of the same kernel; beyond the border it is zero."""
    pixels = (torch.rand(41, 57, generator=torch.Generator().manual_seed(0)) * 2 - 1).numpy()
    expected = np.array(Image.fromarray(pixels).resize((25, 19), Image.Resampling.BICUBIC))
    found = images.resize(torch.from_numpy(pixels).expand(3, -1, -1), 19, 25)
    inside = (slice(2, -2), slice(2, -2))
    torch.testing.assert_close(found[0][inside], torch.from_numpy(expected)[inside], atol=1e-5, rtol=0)


def test_borders_are_mirrored_as_by_matlab() -> None:
    """Four pixels to two: the left one lies at 0.5 and has taps at -3 ... 4, which mirrored are 2 1 0 0 1 2 3 3.

    Their distances in small pixels are 1.75, 1.25, 0.75, 0.25 and back again.
    """
    far, middle, near, centre = -0.0234375 / 2, -0.0703125 / 2, 0.2265625 / 2, 0.8671875 / 2
    left = [near + centre, middle + centre, far + near, middle + far]
    assert sum(left) == 1
    expected = torch.tensor([left, left[::-1]], dtype=torch.float64)
    wide, high = torch.eye(4, dtype=torch.float64)[:, None].expand(4, 3, 4), torch.eye(4, dtype=torch.float64)
    found = images.resize(wide[..., None, :].expand(4, 3, 4, 4), 4, 2)[:, 0, 0].T
    torch.testing.assert_close(found, expected)
    found = images.resize(high[:, None, :, None].expand(4, 3, 4, 4), 2, 4)[:, 0, :, 0].T
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("height", "width"), [(7, 40), (64, 9), (41, 5)])
def test_a_mirrored_picture_gives_the_same_in_its_middle(height: int, width: int) -> None:
    image = noise(16, 20).double()
    unfolded = torch.cat([image.flip(-1), image, image.flip(-1)], dim=-1)
    unfolded = torch.cat([unfolded.flip(-2), unfolded, unfolded.flip(-2)], dim=-2)
    middle = images.resize(unfolded, 3 * height, 3 * width)[..., height : 2 * height, width : 2 * width]
    torch.testing.assert_close(images.resize(image, height, width), middle)


def test_precision_of_a_resize() -> None:
    image = noise(30, 20)
    exact = images.resize(image.double(), 13, 31)
    assert exact.dtype == torch.float64
    torch.testing.assert_close(images.resize(image, 13, 31), exact.float(), atol=1e-6, rtol=0)
    assert images.resize(image.bfloat16(), 13, 31).dtype == torch.float32


def test_resizing_keeps_flat_pictures_and_the_number_of_dimensions() -> None:
    flat = torch.full((3, 20, 30), 0.3)
    for height, width in ((7, 11), (41, 60)):
        torch.testing.assert_close(images.resize(flat, height, width), torch.full((3, height, width), 0.3))
    assert images.resize(flat[None], 10, 10).shape == (1, 3, 10, 10)
    assert images.resize(flat, 20, 30) is flat


# -- enlargement by a whole factor ---------------------------------------------------------------


@pytest.mark.parametrize("scale", [2, 4])
def test_enlargement_is_the_resize_away_from_borders(scale: int) -> None:
    image = noise(17, 22)
    found = images.upsample(image, scale)
    assert found.shape == (1, 3, 17 * scale, 22 * scale)
    expected = images.resize(image, 17 * scale, 22 * scale)
    inside = (..., slice(2 * scale, -2 * scale), slice(2 * scale, -2 * scale))
    torch.testing.assert_close(found[inside], expected[inside], atol=1e-5, rtol=0)


@pytest.mark.parametrize("scale", [2, 4])
def test_enlargement_repeats_borders(scale: int) -> None:
    image = noise(8, 8)
    padded = images.upsample(F.pad(image, (3, 3, 3, 3), mode="replicate"), scale)
    inside = padded[..., 3 * scale : -3 * scale, 3 * scale : -3 * scale]
    torch.testing.assert_close(images.upsample(image, scale), inside, atol=1e-6, rtol=0)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_enlargement_keeps_flat_pictures_and_averages(scale: int) -> None:
    flat = torch.full((2, 3, 5, 6), -0.7)
    torch.testing.assert_close(images.upsample(flat, scale), torch.full((2, 3, 5 * scale, 6 * scale), -0.7))


def test_enlargement_by_one_is_the_picture() -> None:
    image = noise(5, 6)
    assert images.upsample(image, 1) is image


def test_enlargement_reproduces_a_parabola() -> None:
    """Keys' kernel with a = -0.5 is exact to second order (Keys 1981, section IV)."""
    x = torch.arange(12, dtype=torch.float64)
    image = (0.02 * x**2 - 0.1 * x).expand(1, 3, 12, 12)
    positions = (torch.arange(24, dtype=torch.float64) + 0.5) / 2 - 0.5
    expected = 0.02 * positions**2 - 0.1 * positions
    torch.testing.assert_close(images.upsample(image, 2)[0, 0, 12, 6:-6], expected[6:-6])


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_bilinear_phases_are_torchs_enlargement(factor: int) -> None:
    image = noise(6, 7, rows=2)
    cells = F.conv2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), images.bilinear_phases(factor))
    expected = F.interpolate(image, scale_factor=factor, mode="bilinear", align_corners=False)
    torch.testing.assert_close(F.pixel_shuffle(cells, factor), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_phases_on_an_unshuffled_picture_are_the_enlargement(scale: int) -> None:
    image = noise(16, 20, rows=2)
    weights = images.bicubic_phases(scale)
    assert weights.shape == (3 * (2 * scale) ** 2, 12, 3, 3)
    cells = F.conv2d(F.pixel_unshuffle(image, 2), weights, padding=1)
    found, expected = F.pixel_shuffle(cells, 2 * scale), images.upsample(image, scale)
    inside = (..., slice(2 * scale, -2 * scale), slice(2 * scale, -2 * scale))
    torch.testing.assert_close(found[inside], expected[inside], atol=1e-5, rtol=0)
