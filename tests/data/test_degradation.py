"""Degradations have the strength that their fields state, and are absent by default."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from prismgan.data import Condition, DegradationConfig, Jpeg, Noise
from prismgan.data.degradation import ORDER, Defocus, GaussianBlur, MotionBlur, draw
from prismgan.data.streams import stream

ALL = DegradationConfig(
    clean=0.0,
    gaussian_blur=GaussianBlur(probability=1, sigma=(0.5, 3)),
    motion_blur=MotionBlur(probability=1, length=(3, 9)),
    noise=Noise(probability=1, sigma=(1, 30)),
    jpeg=Jpeg(probability=1, quality=(30, 90)),
)
WORLD = DegradationConfig(
    clean=0.0,
    gaussian_blur=GaussianBlur(probability=0.5, sigma=(0.4, 2.5)),
    defocus=Defocus(probability=0.5),
    motion_blur=MotionBlur(probability=0.5),
    noise=Noise(probability=0.8, sigma=(1, 50), poisson=0.4, correlated=0.5),
    jpeg=Jpeg(probability=0.6, quality=(8, 95), twice=0.5),
    shuffled=0.5,
)


def degrade(image: torch.Tensor, config: DegradationConfig, random: torch.Generator) -> torch.Tensor:
    return draw(config, random).apply(image, random)


def photo(height: int = 37, width: int = 51) -> torch.Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("config", [DegradationConfig(), ALL.model_copy(update={"clean": 1.0})])
def test_clean_is_the_photo_itself(config: DegradationConfig) -> None:
    assert torch.equal(degrade(photo(), config, stream(1)), photo())


@pytest.mark.parametrize("config", [ALL, WORLD])
def test_same_generator_same_result(config: DegradationConfig) -> None:
    one, other = (degrade(photo(), config, stream(5)) for _ in range(2))
    assert torch.equal(one, other)
    assert not torch.equal(one, degrade(photo(), config, stream(6)))


def test_what_never_happens_changes_nothing_for_the_rest() -> None:
    """Recipes without the newer fields draw the same degradations as before."""
    never = ALL.model_copy(update={"defocus": Defocus(probability=0), "shuffled": 0.0})
    for seed in range(5):
        assert torch.equal(degrade(photo(), ALL, stream(seed)), degrade(photo(), never, stream(seed)))


def test_everything_happens_in_every_order() -> None:
    drawn = [draw(WORLD, stream(seed)) for seed in range(300)]
    for part in ("gaussian_blur", "defocus", "motion_blur", "noise", "poisson", "grain", "grain_jpeg", "first_jpeg"):
        assert 20 < sum(bool(getattr(condition, part)) for condition in drawn) < 280, part
    assert len({condition.order for condition in drawn}) > 40
    assert 90 < sum(condition.order == ORDER for condition in drawn) < 200
    assert all(not (condition.poisson and (condition.grain or condition.grain_jpeg)) for condition in drawn)
    for seed in range(30):
        source = degrade(photo(), WORLD, stream(seed))
        assert source.shape == photo().shape
        assert source.abs().max() <= 1


def test_single_leaves_one_fault_of_several() -> None:
    single = WORLD.model_copy(update={"single": 1.0, "clean": 0.0})
    kinds = ("gaussian_blur", "defocus", "motion_blur", "noise", "jpeg")
    seen = [[kind for kind in kinds if getattr(draw(single, stream(seed)), kind)] for seed in range(200)]
    assert all(len(found) <= 1 for found in seen)
    for kind in kinds:
        assert [kind] in seen, kind


def test_photons_make_light_noisier_than_dark() -> None:
    dark, light = (torch.full((3, 64, 64), level) for level in (-0.8, 0.4))
    condition = Condition(name="p", noise=20, poisson=True, unclipped=True)
    deviations = []
    for level in (dark, light):
        noise = condition.apply(level, stream(1)) - level
        assert abs(noise.mean().item()) * 127.5 < 1
        deviations.append(noise.std().item() * 127.5)
    # The standard deviation is proportional to the square root of the light, which is 0.1 and 0.7 of white.
    assert deviations == [pytest.approx(20 * light**0.5, rel=0.05) for light in (0.1, 0.7)]


@pytest.mark.parametrize("more", [{"grain": 3.0}, {"grain_jpeg": 30}])
def test_correlated_noise_is_shared_by_neighbours(more: dict[str, float]) -> None:
    grey = torch.zeros(3, 96, 96)
    noise = Condition.model_validate({"name": "c", "noise": 12, **more}).apply(grey, stream(2))
    assert noise.std().item() * 127.5 == pytest.approx(12, rel=0.05)
    shared = (noise[..., 1:] * noise[..., :-1]).mean() / noise.var()
    independent = Condition(name="n", noise=12).apply(grey, stream(2))
    assert shared > 0.35
    assert abs((independent[..., 1:] * independent[..., :-1]).mean() / independent.var()) < 0.05


def test_a_point_out_of_focus_is_a_disc() -> None:
    point = torch.full((3, 15, 15), -1.0)
    point[:, 7, 7] = 1
    disc = (Condition(name="d", defocus=3.0).apply(point, stream(0))[0] + 1) / 2
    assert disc.sum().item() == pytest.approx(1, abs=1e-4)
    assert torch.allclose(disc, disc.T) and torch.allclose(disc, disc.flip(0))
    inside = disc[7, 5:10]
    assert torch.allclose(inside, inside[0].expand(5))
    assert max(disc[7, 3], disc[4, 4]) < 1e-6  # 4 and 4.2 pixels from the centre


def test_an_earlier_jpeg_has_its_blocks_elsewhere() -> None:
    ramp = torch.linspace(-0.6, 0.6, 64).expand(3, 64, 64)

    def blocks(condition: Condition, seed: int) -> set[int]:
        steps = condition.apply(ramp, stream(seed))[0].diff(dim=-1).abs().mean(dim=0)
        return {int(column + 1) % 8 for column in steps.topk(3).indices}

    assert {0} == blocks(Condition(name="j", jpeg=8), 0)
    assert len(set().union(*(blocks(Condition(name="j", first_jpeg=8), seed) for seed in range(12)))) > 4


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
