"""The contract of every kind of model that reads photos: a step, its log and changes, checkpoints, rendering."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import math

import pytest
import torch

from helpers.states import changed, parameters, same
from helpers.tiny_kinds import PHOTO_KINDS
from helpers.tiny_models import NAMES, batch, config_of, model_of, smooth, stripes, tasks
from prismgan.balancing import BALANCERS
from prismgan.errors import DataError
from prismgan.metrics import METRICS
from prismgan.models import MODELS

PSNR = next(metric for metric in METRICS if metric.name == "psnr")
every_kind = pytest.mark.parametrize("kind", PHOTO_KINDS)


@every_kind
def test_a_kind_is_concrete_and_named_by_its_configuration(kind: str) -> None:
    assert not inspect.isabstract(MODELS[kind])
    assert config_of(kind).kind == kind
    assert MODELS[kind].config_type().kind == kind


@every_kind
@pytest.mark.parametrize("balancer", ["normalised", "fixed", "uncertainty", "dwa", "pcgrad"])
def test_every_kind_trains_under_every_sort_of_balancer(kind: str, balancer: str) -> None:
    assert balancer in BALANCERS
    made = model_of(kind, balancer=balancer)
    before = parameters(made)
    for step in range(3):
        log = made.step(batch(seed=step))
        assert all(math.isfinite(float(value)) for value in log.values()), log
        assert all(value.ndim == 0 and not value.requires_grad for value in log.values())
        assert float(log["skipped"]) == 0
        assert {"norm/generator", "rate"} | {f"loss/{name}" for name in NAMES} <= log.keys()
        assert ("norm/discriminator" in log) == (made.discriminator is not None)
        for task in made.tasks.values():
            assert {f"loss/{task.name}/{term.name}" for term in task.losses} <= log.keys()
    # The discriminator's, without a classifier that is not trained, and without the constant of a critic's logits.
    learnt = {name for name in before if not name.startswith("discriminator.")}
    assert learnt <= changed(before, parameters(made))


@every_kind
def test_the_tasks_own_losses_are_the_same_in_every_kind(kind: str) -> None:
    ours, other = model_of("prism"), model_of(kind)
    outputs = {name: torch.zeros_like(ours.generate(batch().source)[name]) for name in NAMES}
    expected, found = (made.begin(batch()) for made in (ours, other))
    ours.task_losses(batch(), outputs, expected)
    other.task_losses(batch(), outputs, found)
    assert same(found.losses, expected.losses)
    assert same(found.log, expected.log)


@every_kind
def test_a_step_follows_from_the_seed_and_the_state(kind: str) -> None:
    first, second = model_of(kind), model_of(kind)
    for step in range(2):
        first.step(batch(seed=step))
    second.load(copy.deepcopy(first.state()))
    logs = [made.step(batch(seed=2)) for made in (first, second)]
    assert same(logs[0], logs[1])
    assert same(first.state(), second.state())
    assert changed(parameters(model_of(kind, seed=1)), parameters(model_of(kind)))


@every_kind
def test_nothing_global_is_drawn_from(kind: str) -> None:
    made = model_of(kind)
    before = torch.get_rng_state()
    made.step(batch())
    assert torch.equal(torch.get_rng_state(), before)


@every_kind
def test_a_nan_in_the_source_changes_nothing_and_is_reported(kind: str) -> None:
    made = model_of(kind)
    made.step(batch())  # so that the optimizers have states
    rows = batch(seed=1)
    rows.source[2, 1, 5, 7] = float("nan")
    before, state = parameters(made), copy.deepcopy(made.optimizer.state_dict()["state"])
    assert float(made.step(rows)["skipped"]) == 1
    assert not changed(before, parameters(made))
    assert same(state, made.optimizer.state_dict()["state"])
    assert float(made.step(batch(seed=2))["skipped"]) == 0


@every_kind
def test_what_a_row_without_a_target_holds_does_not_matter(kind: str) -> None:
    rows = batch()
    filled = rows.targets["mask"].clone()
    filled[3] = 0.7  # where there is none
    first, second = model_of(kind), model_of(kind)
    log = first.step(rows)
    again = second.step(dataclasses.replace(rows, targets={**rows.targets, "mask": filled}))
    assert log.keys() == again.keys()
    for name in log:
        torch.testing.assert_close(again[name], log[name], msg=name)


@every_kind
def test_a_task_without_any_target_is_left_out_and_none_at_all_refused(kind: str) -> None:
    nothing = torch.zeros(4, dtype=torch.bool)
    log = model_of(kind).step(dataclasses.replace(batch(), present={"mask": nothing}))
    assert float(log["skipped"]) == 0
    assert "loss/mask" not in log
    with pytest.raises(DataError, match="none of the 4 pictures"):
        model_of(kind).step(dataclasses.replace(batch(), present=dict.fromkeys(NAMES, nothing)))


@every_kind
def test_slowing_down_lowers_all_rates_and_is_a_part_of_the_state(kind: str) -> None:
    made = model_of(kind)
    made.slow_down_factor *= 0.5
    again = model_of(kind)
    again.load(made.state())
    expected = 0.5 * float(model_of(kind).step(batch())["rate"])
    assert float(made.step(batch())["rate"]) == float(again.step(batch())["rate"]) == expected
    if made.adversary is not None:
        assert made.adversary.optimizer.param_groups[0]["lr"] == 0.5 * made.adversary.config.rate


@every_kind
def test_gradients_are_clipped_by_their_global_norm(kind: str) -> None:
    made = model_of(kind, clip=1e-3)
    assert float(made.step(batch())["norm/generator"]) > 1e-3
    gradients = [p.grad for group in made.optimizer.param_groups for p in group["params"] if p.grad is not None]
    assert float(torch.stack([gradient.norm() for gradient in gradients]).norm()) <= 1e-3 * (1 + 1e-5)


@every_kind
@pytest.mark.parametrize("size", [(16, 16), (17, 23)])
def test_one_pass_gives_every_task_at_its_scale(kind: str, size: tuple[int, int]) -> None:
    made = model_of(kind)
    made.step(batch())
    source = smooth(2, 24, 1)[..., : size[0], : size[1]]
    outputs = made.generate(source)
    assert list(outputs) == list(NAMES)
    for name, output in outputs.items():
        scale = made.tasks[name].scale
        assert output.shape == (2, 3, scale * size[0], scale * size[1])
        assert not output.requires_grad
    some = made.generate(source, tasks=["pencil"])
    torch.testing.assert_close(some["pencil"], outputs["pencil"])


@every_kind
def test_the_latent_changes_the_tasks_that_ask_for_it_and_no_others(kind: str) -> None:
    made = model_of(kind)
    for step in range(3):
        made.step(batch(seed=step))
    source = batch().source
    first, second = (made.generate(source, made.generator.seeded_latent(seed)) for seed in (0, 1))
    varied = {name for name in NAMES if not torch.equal(first[name], second[name])}
    assert varied == ({"paint"} if made.config.varies else set())


@every_kind
def test_the_discriminator_is_measured_where_there_is_one(kind: str) -> None:
    made = model_of(kind)
    rows = batch()
    found = made.judge(rows, made.generate(rows.source))
    assert bool(found) == (made.discriminator is not None)
    if found:
        assert {"loss", "accuracy_real", "accuracy_fake"} <= found.keys()
        assert ("accuracy_task" in found) == (kind == "prism")
        assert all(len(values) == 5 * 4 - 1 for values in found.values())  # except the missing mask


@every_kind
def test_bfloat16_trains(kind: str) -> None:
    made = MODELS[kind](config_of(kind), tasks(), {"paint": [stripes(48)]}, steps=10, precision=torch.bfloat16)
    for step in range(2):
        log = made.step(batch(seed=step))
        assert all(math.isfinite(float(value)) for value in log.values())
        assert float(log["skipped"]) == 0
    assert all(parameter.dtype == torch.float32 for parameter in made.generator.parameters())


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind == "prism" else pytest.mark.slow) for kind in PHOTO_KINDS]
)
def test_every_kind_overfits_one_batch(kind: str) -> None:
    """From noisy sources to clean pictures, enlargements by 2, and pencil drawings: PSNR rises by at least this
    much."""
    least = {"clean": 3.0, "large": 0.5, "pencil": 5.0}
    chosen = [task for task in tasks() if task.name in least]
    widths = {"generator": {"widths": (16, 24), "blocks": (2, 2), "latent": 8, "code": 8}, "rate": 5e-3}
    made = model_of(kind, some_tasks=chosen, **widths)
    rows = batch()

    def psnr() -> dict[str, float]:
        outputs = made.generate(rows.source)
        return {name: float(PSNR(outputs[name], rows.targets[name]).mean()) for name in least}

    before = psnr()
    for _ in range(120):
        made.step(rows)
    rises = {name: value - before[name] for name, value in psnr().items()}
    assert all(rises[name] > least[name] for name in least), rises
