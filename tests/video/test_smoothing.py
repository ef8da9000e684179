"""Temporal smoothing: less flicker, no trails, and nothing of the frame before a cut."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

pytest.importorskip("cv2")

from prismgan.render.video import consistency
from prismgan.render.video.consistency import MOST_KEPT, Motion, TemporalSmoother, motion

PixelArray = NDArray[np.uint8]
SIZE = (96, 128)


def scenery(seed: int = 0) -> PixelArray:
    """A wide picture with detail at several scales, (96, 256, 3)."""
    import cv2

    draw = np.random.default_rng(seed)
    layers = [
        cv2.resize(draw.uniform(0, 255, (96 // side, 256 // side, 3)), (256, 96), interpolation=cv2.INTER_CUBIC)
        for side in (4, 8, 16)
    ]
    return np.asarray(np.clip(np.mean(layers, axis=0), 0, 255), np.uint8)


def pan(count: int, step: int) -> list[PixelArray]:
    """Frames of a camera that pans to the right by this many pixels per frame."""
    wide = scenery()
    return [np.ascontiguousarray(wide[:, step * number : step * number + SIZE[1]]) for number in range(count)]


def flickering(frames: list[PixelArray], amount: float = 20) -> list[PixelArray]:
    draw = np.random.default_rng(1)
    return [np.clip(255 - frame + draw.normal(0, amount, frame.shape), 0, 255).astype(np.uint8) for frame in frames]


def steadied(frames: list[PixelArray], looks: list[PixelArray], part: float) -> list[PixelArray]:
    smoother = TemporalSmoother({"look": part})
    moves = [None, *(motion(before, now) for before, now in pairwise(frames))]
    return [smoother({"look": look}, moved)["look"] for look, moved in zip(looks, moves, strict=True)]


def error(looks: list[PixelArray], frames: list[PixelArray]) -> float:
    """The distance of the last output from the correct negative, away from the border."""
    inner = (slice(12, -12), slice(12, -12))
    return float(np.abs(looks[-1][inner].astype(float) - (255.0 - frames[-1][inner])).mean())


def test_the_motion_of_a_camera_is_found_and_trusted() -> None:
    before, now = pan(2, 3)
    places, trust = motion(before, now)
    inner = (slice(12, -12), slice(12, -12))
    assert places[inner][..., 0].mean() * SIZE[1] == pytest.approx(3, abs=0.2)
    assert abs(places[inner][..., 1].mean()) * SIZE[0] < 0.2
    assert trust[inner].mean() > 0.8


def test_hidden_pixels_take_no_trust_from_visible_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    visible = torch.ones(1, *SIZE, dtype=torch.bool)
    visible[..., 20] = False  # a line, as at the edge of a moving object
    visible[..., 60:80] = False
    monkeypatch.setattr(consistency, "unoccluded", lambda forward, backward: visible)
    row = motion(*pan(2, 0)).trust[SIZE[0] // 2]
    expected = visible[0, 0].float().numpy()
    expected[20] = 0.8
    expected[[60, 79]], expected[[61, 78]] = 0.4, 0.2
    assert row == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("step", [0, 3])
def test_a_look_flickers_less_and_leaves_no_trail(step: int) -> None:
    frames = pan(10, step)
    looks = flickering(frames)
    assert error(steadied(frames, looks, 0.8), frames) < 0.6 * error(looks, frames)


@pytest.mark.parametrize("size", [(16, 16), (16, 3000), (2000, 16)])
def test_frames_of_any_shape(size: tuple[int, int]) -> None:
    draw = np.random.default_rng(0)
    before, now = (draw.integers(0, 256, (*size, 3), np.uint8) for _ in range(2))
    smoother = TemporalSmoother({"look": 0.7})
    smoother({"look": before}, None)
    assert smoother({"look": now}, motion(before, now))["look"].shape == now.shape


@pytest.mark.parametrize("part", [0.5, 0.8, MOST_KEPT])
def test_of_a_look_that_stays_no_old_frame_is_left(part: float) -> None:
    still = Motion(np.zeros((*SIZE, 2), np.float32), np.ones(SIZE, np.float32))
    smoother = TemporalSmoother({"look": part})
    smoother({"look": np.full((*SIZE, 3), 100, np.uint8)}, None)
    for _ in range(150):
        found = smoother({"look": np.full((*SIZE, 3), 130, np.uint8)}, still)["look"]
    assert (found == 130).all()


def test_nothing_of_the_scene_before_a_cut_is_left() -> None:
    frames = [scenery(0)[:, :128], scenery(7)[:, :128]]
    looks = [np.full((*SIZE, 3), 255, np.uint8), np.zeros((*SIZE, 3), np.uint8)]
    assert steadied(frames, looks, 0.8)[1].mean() < 20


def test_looks_of_any_size_follow_the_motion_of_their_source() -> None:
    frames = pan(8, 2)
    looks = flickering(frames)
    twice = [look.repeat(2, axis=0).repeat(2, axis=1) for look in looks]
    small, large = steadied(frames, looks, 0.7)[-1], steadied(frames, twice, 0.7)[-1]
    assert large.shape == (2 * SIZE[0], 2 * SIZE[1], 3)
    apart = np.abs(large[24:-24:2, 24:-24:2].astype(float) - small[12:-12, 12:-12]).mean()
    assert apart < 5


def test_looks_that_keep_nothing_are_left_as_they_are() -> None:
    frames = pan(2, 3)
    moved = motion(*frames)
    smoother = TemporalSmoother({"look": 0.8, "other": 0.0})
    smoother({"look": frames[0], "other": frames[0]}, None)
    found = smoother({"look": frames[1], "other": frames[0]}, moved)
    assert found["other"] is frames[0]
    assert list(smoother.last) == ["look"]


def test_a_job_goes_on_from_the_frame_it_ended_with() -> None:
    still = Motion(np.zeros((*SIZE, 2), np.float32), np.ones(SIZE, np.float32))
    first, second, third = flickering(pan(3, 0))
    whole = TemporalSmoother({"look": 0.5})
    expected = [
        whole({"look": look}, moved)["look"] for look, moved in ((first, None), (second, still), (third, still))
    ]
    before = TemporalSmoother({"look": 0.5})
    for look, moved in ((first, None), (second, still)):
        before({"look": look}, moved)
    again = TemporalSmoother({"look": 0.5}, before.last)
    assert np.array_equal(again({"look": third}, still)["look"], expected[2])
    assert np.array_equal(expected[0], first)
    half = (expected[0].astype(float) + second) / 2
    assert np.abs(expected[1] - half).max() <= 1
