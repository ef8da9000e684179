"""The warping error of outputs whose error is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from prismgan.images.filters import unoccluded, warp, warping_error


def flow(right: float, down: float, height: int = 12, width: int = 16) -> Tensor:
    return torch.tensor([right, down]).float().view(1, 2, 1, 1).expand(1, 2, height, width).clone()


def panorama() -> Tensor:
    return torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(0))


def frame(top: int, left: int) -> Tensor:
    """A camera's view (12x16) of the panorama, in [0, 1]."""
    return panorama()[..., top : top + 12, left : left + 16]


def test_warping_by_whole_pixels_is_a_shift() -> None:
    moved, inside = warp(frame(2, 3), flow(2, 1))
    torch.testing.assert_close(moved[..., :-1, :-2], frame(3, 5)[..., :-1, :-2], atol=1e-5, rtol=0)
    assert inside[0, :-1, :-2].all()
    assert not inside[0, -1].any()
    assert not inside[0, :, -2:].any()


def test_warping_by_half_a_pixel_is_the_mean_of_two() -> None:
    image = frame(0, 0)
    moved, _ = warp(image, flow(0.5, 0))
    torch.testing.assert_close(moved[..., :-1], (image[..., :-1] + image[..., 1:]) / 2, atol=1e-5, rtol=0)


def test_a_look_that_moves_with_the_camera_is_steady() -> None:
    """The camera moved 2 to the right and 1 down, so the point at (x, y) was at (x + 2, y + 1)."""
    backward, forward = flow(2, 1), flow(-2, -1)
    visible = unoccluded(forward, backward)
    assert int(visible.sum()) == 11 * 14
    look = [1 - frame(2, 3), 1 - frame(3, 5)]
    assert float(warping_error(look[1], look[0], backward, visible)) == pytest.approx(0, abs=1e-9)


def test_a_look_that_flickers_by_a_known_amount() -> None:
    backward, forward = flow(2, 1), flow(-2, -1)
    visible = unoccluded(forward, backward)
    brighter = frame(3, 5) + torch.tensor([0.1, 0.2, 0.2]).view(1, 3, 1, 1)
    expected = (0.01 + 0.04 + 0.04) / 3
    assert float(warping_error(brighter, frame(2, 3), backward, visible)) == pytest.approx(expected, rel=1e-4)


def test_one_error_a_pair_and_only_of_visible_pixels() -> None:
    output, before = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    output[0, :, 0, 0] = 1
    output[1, :, 1, 1] = 1
    visible = torch.ones(2, 4, 4, dtype=torch.bool)
    visible[0, 0, 0] = False
    still = flow(0, 0, 4, 4).expand(2, 2, 4, 4)
    assert warping_error(output, before, still, visible).tolist() == pytest.approx([0, 1 / 16])
    assert warping_error(output, before, still, visible & False).isnan().all()


def test_where_back_and_forth_do_not_agree_a_pixel_is_new() -> None:
    forward, backward = flow(-2, 0), flow(2, 0)
    assert unoccluded(forward, backward)[:, :, :-2].all()
    # Forward and backward motion end two pixels apart: 4 > 0.01 (16 + 4) + 0.5.
    assert not unoccluded(flow(-4, 0), backward).any()
    # Half a pixel apart is within the tolerance: 0.25 < 0.01 (6.25 + 4) + 0.5.
    assert unoccluded(flow(-2.5, 0), backward)[:, :, :-2].all()


def test_where_the_flow_changes_there_is_an_edge() -> None:
    backward = flow(0, 0)
    backward[:, 0, :, 8:] = 0.2  # 0.04 > 0.01 * 0.04 + 0.002
    visible = unoccluded(-backward, backward)
    assert not visible[0, :, 7].any()
    assert visible[0, :, :7].all()
    assert visible[0, :, 8:-1].all()
