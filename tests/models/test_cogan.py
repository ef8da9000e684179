"""The coupled GAN: the parameters that each loss trains, and that a step is a function of its state."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.tiny_models import smooth
from prismgan.batch import Batch
from prismgan.models.cogan import CoGan, CoGanConfig
from prismgan.tasks import Task
from prismgan.tasks.paired import DerivedEntry, PairedEntry, SuperResolution

SIDE = 16
ONLY_JUDGED: dict[str, Any] = {"pixel_weight": 0, "adversarial_weight": 1}


def tasks() -> list[Task]:
    photo = DerivedEntry(name="photo-1", function="photo", **ONLY_JUDGED)
    inverse = DerivedEntry(name="inverse", function="inverse", **ONLY_JUDGED)
    return [photo.task(), inverse.task(), PairedEntry(name="mask", **ONLY_JUDGED).task()]


def batch(rows: int = 4, seed: int = 0) -> Batch:
    """The last row of four has no mask."""
    reference = smooth(rows, SIDE, seed)
    present = torch.arange(rows) % 4 != 3
    targets = {"photo-1": reference, "inverse": -reference, "mask": reference.flip(1) * present.view(-1, 1, 1, 1)}
    return Batch(reference, reference, targets, present={"mask": present})


def config(**adversary: Any) -> CoGanConfig:
    return CoGanConfig.model_validate(
        {
            "generator": {"widths": (6, 8), "blocks": (1, 1), "latent": 4, "code": 8},
            "adversary": {"discriminator": {"width": 8, "levels": 2}, "penalty_every": 2, **adversary},
            "schedule": {"warmup": 0},
        }
    )


def model(seed: int = 0, **adversary: Any) -> CoGan:
    return CoGan(config(**adversary), tasks(), {}, steps=100, seed=seed)


def state(of: CoGan) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in of.generator.state_dict().items()}


@pytest.mark.parametrize("objective", ["non_saturating", "least_squares", "hinge", "wasserstein", "relativistic"])
@pytest.mark.parametrize("stages", ["one", "two"])
def test_a_step_moves_both_networks(objective: str, stages: str) -> None:
    made = model(objective=objective, stages=stages)
    before, judge = state(made), made.adversary.discriminator.patch.weight.clone()
    log = made.step(batch())
    assert all(value.isfinite() for value in log.values())
    assert log["skipped"] == 0
    assert any(not torch.equal(before[name], value) for name, value in state(made).items())
    assert not torch.equal(judge, made.adversary.discriminator.patch.weight)
    assert {"loss/photo-1", "loss/inverse", "loss/mask", "norm/generator", "discriminator/loss"} <= log.keys()


@pytest.mark.parametrize("balancer", ["normalised", "fixed", "uncertainty", "dwa", "pcgrad"])
def test_it_trains_under_every_sort_of_balancer(balancer: str) -> None:
    if balancer == "pcgrad":
        pytest.importorskip("torchjd", reason="the extra balancing is not installed")
    changed = config().model_copy(update={"balancer": balancer})
    made = CoGan(changed, tasks(), {}, steps=100)
    before = state(made)
    log = made.step(batch())
    assert log["norm/generator"].isfinite()
    assert any(not torch.equal(before[name], value) for name, value in state(made).items())


def test_it_learns_what_the_mean_of_its_pictures_is() -> None:
    """Pictures of one colour: even a tiny generator learns them quickly."""
    made = model(objective="relativistic", rate=3e-3)
    colour = torch.tensor([0.6, -0.4, 0.1]).view(1, 3, 1, 1).expand(8, 3, SIDE, SIDE)
    shown = Batch(colour, colour, {"photo-1": colour, "inverse": -colour, "mask": colour})
    before = made.generate(colour)
    for _ in range(80):
        made.step(shown)
    after = made.generate(colour)
    for name, expected in shown.targets.items():
        assert (after[name] - expected).abs().mean() < 0.5 * (before[name] - expected).abs().mean(), name


def test_a_row_without_a_picture_of_a_task_teaches_nothing_of_it() -> None:
    one, other = model(), model()
    shown = batch()
    changed = {**shown.targets, "mask": shown.targets["mask"].clone()}
    changed["mask"][3] = 0.7  # of a row without a mask
    one.step(shown)
    other.step(Batch(shown.source, shown.reference, changed, present=shown.present))
    assert all(torch.equal(value, state(other)[name]) for name, value in state(one).items())


def test_consistency_compares_with_what_is_made_of_the_photo() -> None:
    made = model()
    made.config = made.config.model_copy(update={"consistency_weight": 2.0})
    shown = batch()
    latent = made.draw((4, 4), made.begin(shown).random)
    outputs = made.generate(shown.source, latent)
    difference = (outputs["inverse"] + outputs["photo-1"].clamp(-1, 1)).abs().mean()
    plain, log = model().step(shown), made.step(shown)
    torch.testing.assert_close(log["loss/inverse/consistency"], difference)
    torch.testing.assert_close(log["loss/inverse"], plain["loss/inverse"] + 2 * difference)
    assert "loss/mask/consistency" not in log


def test_a_step_without_the_photo_has_nothing_to_be_consistent_with() -> None:
    made = model()
    made.config = made.config.model_copy(update={"consistency_weight": 2.0})
    made._draw_tasks = lambda names, random: ["inverse"]  # type: ignore[method-assign]
    log = made.step(batch())
    assert "loss/inverse" in log
    assert "loss/inverse/consistency" not in log


def test_a_state_goes_on_bitwise() -> None:
    whole, first = model(), model()
    for step in range(4):
        whole.step(batch(seed=step))
    for step in range(2):
        first.step(batch(seed=step))
    resumed = model(seed=0)
    resumed.load(first.state())
    for step in range(2, 4):
        resumed.step(batch(seed=step))
    assert all(torch.equal(value, state(whole)[name]) for name, value in state(resumed).items())


def test_of_a_source_only_the_number_of_rows_counts() -> None:
    made = model()
    one, other = (made.generate(smooth(3, SIDE, seed)) for seed in (1, 2))
    assert torch.equal(one["inverse"], other["inverse"])
    assert one["inverse"].shape == (3, 3, SIDE, SIDE)
    latent = made.generator.draw_latent(2)
    assert torch.equal(made.generate(smooth(2, SIDE, 0), latent)["mask"], made.generator(latent)["mask"])


def test_the_discriminator_is_judged_too() -> None:
    made = model()
    shown = batch()
    found = made.judge(shown, made.generate(shown.source))
    assert len(found["accuracy_real"]) == 4 + 4 + 3


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (DerivedEntry(name="a", function="inverse"), "set pixel_weight to 0, and adversarial_weight to 1"),
        (SuperResolution(name="a", scale=2, **ONLY_JUDGED), "enlarges its source"),
        (DerivedEntry(name="a", function="inverse", latent=True, **ONLY_JUDGED), "leave them out"),
    ],
)
def test_tasks_that_need_a_photo_are_refused(entry: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config().check([entry.task()], SIDE)


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"cropped to 64 pixels a side, but generated ones have 16"):
        config().check(tasks(), 64)
