"""Degradations do what their numbers say, and nothing where nothing is asked for."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from prismgan.data import Condition, DegradationConfig, GaussianBlur, Jpeg, MotionBlur, Noise, degrade
from prismgan.data.degradation import draw
from prismgan.data.streams import stream

ALL = DegradationConfig(
    clean=0.0,
    gaussian_blur=GaussianBlur(probability=1, sigma=(0.5, 3)),
    motion_blur=MotionBlur(probability=1, length=(3, 9)),
    noise=Noise(probability=1, sigma=(1, 30)),
    jpeg=Jpeg(probability=1, quality=(30, 90)),
)


def photo(height: int = 37, width: int = 51) -> torch.Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("config", [DegradationConfig(), ALL.model_copy(update={"clean": 1.0})])
def test_clean_is_the_photo_itself(config: DegradationConfig) -> None:
    assert torch.equal(degrade(photo(), config, stream(1)), photo())


def test_same_generator_same_result() -> None:
    one, other = (degrade(photo(), ALL, stream(5)) for _ in range(2))
    assert torch.equal(one, other)
    assert not torch.equal(one, degrade(photo(), ALL, stream(6)))


@settings(deadline=None, max_examples=12)
@given(sigma=st.floats(1, 40))
def test_noise_has_its_standard_deviation(sigma: float) -> None:
    grey = torch.zeros(3, 96, 96)
    noisy = Condition(name="noise", noise=sigma).apply(grey, stream(1))
    assert noisy.std().item() * 127.5 == pytest.approx(sigma, rel=0.03)
    assert abs(noisy.mean().item()) * 127.5 < sigma * 0.03


def test_unclipped_noise_leaves_the_range_as_often_as_is_said() -> None:
    config = DegradationConfig(clean=0, noise=Noise(probability=1, sigma=(30, 30), unclipped=0.5))
    beyond = [bool(degrade(photo(), config, stream(seed)).abs().max() > 1) for seed in range(40)]
    assert 10 < sum(beyond) < 30
    filed = config.model_copy(update={"jpeg": Jpeg(probability=1)})
    assert all(degrade(photo(), filed, stream(seed)).abs().max() <= 1 for seed in range(5))


@settings(deadline=None, max_examples=12)
@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 99))
def test_any_size_keeps_shape_and_range(height: int, width: int, seed: int) -> None:
    source = degrade(photo(height, width), ALL, stream(seed))
    assert source.shape == (3, height, width)
    assert source.abs().max() <= 1


def test_blur_keeps_flat_and_lowers_contrast() -> None:
    for condition in (Condition(name="b", gaussian_blur=1.5), Condition(name="m", motion_blur=7)):
        flat = torch.full((3, 20, 20), 0.25)
        assert torch.allclose(condition.apply(flat, stream(0)), flat, atol=1e-5)
        assert condition.apply(photo(), stream(0)).std() < 0.8 * photo().std()


def test_jpeg_quality_orders_the_error() -> None:
    errors = [
        (Condition(name="j", jpeg=quality).apply(photo(), stream(0)) - photo()).abs().mean().item()
        for quality in (95, 50, 10)
    ]
    assert errors == sorted(errors)
    assert errors[0] > 0


def test_probabilities_are_kept() -> None:
    config = DegradationConfig(clean=0.25, noise=Noise(probability=0.5), motion_blur=MotionBlur(length=(4, 8)))
    drawn = [draw(config, stream(0, index)) for index in range(600)]
    share = sum(condition.noise > 0 for condition in drawn) / len(drawn)
    assert share == pytest.approx(0.75 * 0.5, abs=0.06)
    assert {condition.motion_blur for condition in drawn} == {0, 5, 7}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Noise(sigma=(9, 3)), r"expected \[lowest, highest\]"),
        (lambda: Jpeg(quality=(0, 3)), "greater than or equal to 1"),
        (lambda: MotionBlur(length=(4, 4)), "no odd number"),
        (lambda: DegradationConfig(clean=1.5), "less than or equal to 1"),
        (lambda: DegradationConfig.model_validate({"gausian_blur": {}}), "did you mean 'gaussian_blur'"),
    ],
)
def test_wrong_numbers_are_refused(build: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        build()  # type: ignore[operator]
