"""A training step of our model: its log, the parameters it changes, and those it leaves unchanged."""

from __future__ import annotations

import copy
import dataclasses
import math
import sys

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.states import changed, parameters, same
from helpers.tiny_models import NAMES, batch, config, model, smooth, tasks
from prismgan.balancing import BALANCERS
from prismgan.balancing import balancer as balancers
from prismgan.balancing.aggregated import METHODS
from prismgan.batch import Batch
from prismgan.errors import PrismganError
from prismgan.losses.objectives import OBJECTIVES
from prismgan.models import Prism
from prismgan.models.step import row_weights
from prismgan.tasks.paired import DerivedEntry

slow = pytest.mark.slow
each_stage = pytest.mark.parametrize("stages", ["one", "two"])

PAIRS = [
    # A quick test covers every objective and every balancer.
    pytest.param(objective, balancer, marks=[] if objective == "non_saturating" or balancer == "fixed" else slow)
    for objective in OBJECTIVES
    for balancer in BALANCERS
]


@pytest.mark.parametrize(("objective", "balancer"), PAIRS)
@each_stage
def test_every_combination_trains_and_logs(objective: str, stages: str, balancer: str) -> None:
    prism = model(objective=objective, stages=stages, balancer=balancer)
    before = parameters(prism)
    for step in range(2):  # with and without a penalty
        log = prism.step(batch(seed=step))
        assert all(math.isfinite(float(value)) for value in log.values()), log
        assert all(value.ndim == 0 and not value.requires_grad for value in log.values())
        assert float(log["skipped"]) == 0
        for task in prism.tasks.values():
            terms = [term.name for term in task.losses] + ["adversarial"] + ["diversity"] * task.latent
            assert {f"loss/{task.name}/{term}" for term in terms} | {f"loss/{task.name}"} <= log.keys()
            if balancer in ("uncertainty", "dwa"):
                assert log[f"balance/{task.name}"] > 0
            assert (f"balance/{task.name}" in log) == (balancer not in ("normalised", "fixed"))
        for name in ("norm/generator", "norm/discriminator", "discriminator/loss", "rate"):
            assert log[name] > 0 or (name == "discriminator/loss" and objective == "wasserstein")
        for name in ("accuracy_real", "accuracy_fake", "accuracy_task"):
            assert 0 <= log[f"discriminator/{name}"] <= 1
    touched = changed(before, parameters(prism))
    # If only differences of logits matter, the constant of all logits is not trained.
    constant = {"discriminator.patch.bias", "discriminator.whole.bias"}
    free = constant if OBJECTIVES[objective].boundary is None else set()
    assert before.keys() - touched <= free


def test_a_tasks_loss_is_the_weighted_sum_of_its_terms() -> None:
    prism = model()
    log = prism.step(batch())
    for task in prism.tasks.values():
        expected = sum(term.weight * log[f"loss/{task.name}/{term.name}"] for term in task.losses)
        expected = expected + task.adversarial_weight * log[f"loss/{task.name}/adversarial"]
        if task.latent:
            expected = expected + task.diversity_weight * log[f"loss/{task.name}/diversity"]
        torch.testing.assert_close(log[f"loss/{task.name}"], expected)


def test_rows_without_a_target_do_not_enter_a_tasks_loss() -> None:
    rows = batch()
    filled = rows.targets["mask"].clone()
    filled[3] = 0.7  # where there is none
    log = model().step(rows)
    other = model().step(dataclasses.replace(rows, targets={**rows.targets, "mask": filled}))
    assert {name: float(value) for name, value in log.items()} == {n: float(v) for n, v in other.items()}
    start = rows.source[:3] - rows.targets["mask"][:3]
    by_hand = (torch.sqrt(start.square() + 1e-6) - 1e-3).mean()
    torch.testing.assert_close(log["loss/mask/pixel"], by_hand, rtol=1e-4, atol=0)


def test_a_batch_without_any_target_of_a_task_is_fine() -> None:
    rows = batch()
    log = model(balancer="normalised").step(dataclasses.replace(rows, present={"mask": torch.zeros(4, dtype=bool)}))
    assert float(log["skipped"]) == 0
    assert "loss/mask" not in log


@each_stage
@pytest.mark.parametrize("balancer", BALANCERS)
def test_a_nan_in_the_source_changes_nothing_and_is_reported(stages: str, balancer: str) -> None:
    prism = model(stages=stages, balancer=balancer)
    prism.step(batch())  # so that the optimizers have states
    rows = batch(seed=1)
    rows.source[2, 1, 5, 7] = float("nan")
    before = parameters(prism)
    optimizers = (prism.optimizer, prism.adversary.optimizer)
    states = copy.deepcopy([optimizer.state_dict()["state"] for optimizer in optimizers])
    log = prism.step(rows)
    assert float(log["skipped"]) == 1
    assert not changed(before, parameters(prism))
    assert same(states, [optimizer.state_dict()["state"] for optimizer in optimizers])
    assert float(prism.step(batch(seed=2))["skipped"]) == 0
    assert all(value.isfinite().all() for value in parameters(prism).values())


def test_a_balancer_is_asked_for_packages_by_models_that_train_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchjd", None)
    with pytest.raises(PrismganError, match="torchjd"):
        model(balancer="pcgrad")
    assert Prism(config(balancer="pcgrad"), tasks(), None, steps=1).generate(batch().source)


@each_stage
def test_gradients_are_clipped_by_their_global_norm_and_logged_before(stages: str) -> None:
    def step(limit: float | None) -> tuple[dict[str, float], dict[str, float]]:
        prism = model(stages=stages, clip=limit, adversary={"clip": limit})
        log = prism.step(batch())
        norms = {
            "generator": norm_of_gradients(prism.optimizer),
            "discriminator": norm_of_gradients(prism.adversary.optimizer),
        }
        return {name: float(log[f"norm/{name}"]) for name in norms}, norms

    logged, applied = step(None)
    assert applied == pytest.approx(logged, rel=1e-5)
    limit = 0.5 * min(logged.values())
    logged_again, clipped = step(limit)
    assert logged_again["discriminator"] == pytest.approx(logged["discriminator"], rel=1e-5)
    assert logged_again["generator"] == pytest.approx(logged["generator"], rel=1e-2)
    for norm in clipped.values():
        assert norm == pytest.approx(limit, rel=1e-4)
        assert norm <= limit * (1 + 1e-5)


def norm_of_gradients(optimizer: torch.optim.Optimizer) -> float:
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    return float(torch.stack([gradient.norm() for gradient in gradients]).norm())


def test_a_limit_that_is_not_reached_changes_nothing() -> None:
    loose, free = model(clip=1e6, adversary={"clip": 1e6}), model(clip=None, adversary={"clip": None})
    loose.step(batch())
    free.step(batch())
    assert not changed(parameters(loose), parameters(free))


def drawn(prism: Prism, step: int) -> set[str]:
    """Names of the tasks that were trained in a step."""
    prism.steps_done = step
    log = prism.step(batch())
    return {name for name in NAMES if f"loss/{name}" in log}


def test_tasks_per_step_draws_so_many_by_seed_and_step_alone() -> None:
    first = [drawn(model(tasks_per_step=2), step) for step in range(8)]
    assert all(len(names) == 2 for names in first)
    assert len(set(map(frozenset, first))) > 2
    prism = model(tasks_per_step=2)  # which has a history
    assert [drawn(prism, step) for step in range(8)] == first
    assert [drawn(model(tasks_per_step=2, seed=1), step) for step in range(8)] != first
    assert drawn(model(tasks_per_step=99), 0) == set(NAMES)


def test_tasks_are_drawn_of_those_that_a_step_has_targets_of() -> None:
    whole = batch()
    without = dataclasses.replace(whole, present={**whole.present, "large": torch.zeros(4, dtype=torch.bool)})
    prism = model(tasks_per_step=2)
    for _ in range(12):
        log = prism.step(without)
        trained = {name for name in NAMES if f"loss/{name}" in log}
        assert len(trained) == 2
        assert "large" not in trained


@pytest.mark.parametrize("balancer", BALANCERS)
def test_a_frozen_trunk_stays_as_it_is_and_heads_learn(balancer: str) -> None:
    prism = model(frozen="shared", balancer=balancer)
    before = parameters(prism)
    prism.step(batch())
    learnt = {name.split(".")[1] for name in changed(before, parameters(prism)) if name.startswith("generator.")}
    assert learnt == {"heads"}


def test_neither_losses_nor_the_discriminator_see_the_margin() -> None:
    def losses(of: Batch) -> dict[str, float]:
        return {name: float(value) for name, value in model(margin=2).step(of).items() if name.startswith("loss/")}

    def bordered(picture: Tensor, border: int) -> Tensor:
        inner = picture[..., border:-border, border:-border]
        return F.pad(inner, (border,) * 4, value=0.3)

    whole = batch()
    other = dataclasses.replace(
        whole,
        reference=bordered(whole.reference, 2),
        targets={
            name: bordered(target, 2 * target.shape[-1] // whole.source.shape[-1])
            for name, target in whole.targets.items()
        },
    )
    assert losses(other) == losses(whole)
    assert losses(dataclasses.replace(whole, reference=bordered(whole.reference, 3))) != losses(whole)
    prism = model(margin=2)
    outputs = prism.generate(whole.source)
    bare = {name: bordered(image, 2 * image.shape[-1] // whole.source.shape[-1]) for name, image in outputs.items()}
    judged = prism.judge(whole, outputs)
    assert judged
    for name, values in prism.judge(other, bare).items():
        assert torch.equal(values, judged[name])
    with pytest.raises(ValueError, match=r"model\.margin: crops of 40 pixels without 12 on each side have 16; use"):
        config(margin=12).check(tasks(), 40)


@pytest.mark.parametrize(("weight", "expected"), [(0.0, [1.0, 0.0, 0.0, 0.0]), (0.5, [0.4, 0.2, 0.2, 0.2])])
def test_degraded_sources_weigh_what_the_task_says(weight: float, expected: list[float]) -> None:
    entries = [dataclasses.replace(task, degraded_weight=weight) if task.name == "large" else task for task in tasks()]
    noisy = batch()
    source = torch.cat([noisy.reference[:1], noisy.source[1:]])
    weights = row_weights(dataclasses.replace(noisy, source=source), entries)
    torch.testing.assert_close(weights["large"], torch.tensor(expected))
    torch.testing.assert_close(weights["clean"], torch.full((4,), 0.25))
    if weight == 0:
        assert "large" not in row_weights(noisy, entries)


@pytest.mark.parametrize("balancer", BALANCERS)
def test_a_task_that_is_not_drawn_is_left_alone(balancer: str) -> None:
    prism = model(tasks_per_step=1, balancer=balancer)
    for _ in range(5):
        before = parameters(prism)
        log = prism.step(batch())
        heads = {name.split(".")[2] for name in changed(before, parameters(prism)) if ".heads." in name}
        assert heads == {name for name in NAMES if f"loss/{name}" in log}
        spreads = {name.split(".")[-1] for name in changed(before, parameters(prism)) if "log_variance" in name}
        assert spreads == (heads if balancer == "uncertainty" else set())


def test_without_adversarial_weights_there_is_no_game() -> None:
    plain = [dataclasses.replace(task, adversarial_weight=0.0) for task in tasks()]
    prism = model(some_tasks=plain)
    before = parameters(prism)
    log = prism.step(batch())
    assert not any("discriminator" in name or "adversarial" in name for name in log)
    assert not any(name.startswith("discriminator.") for name in changed(before, parameters(prism)))
    assert float(log["skipped"]) == 0
    assert prism.judge(batch(), prism.generate(batch().source)) == {}


def test_the_rate_follows_the_schedule_and_slows_down() -> None:
    prism = model(rate=0.01, adversary={"rate": 0.002}, schedule={"warmup": 3, "final": 0.1})
    rates = []
    for _ in range(4):
        rates.append(float(prism.step(batch())["rate"]))
        assert prism.optimizer.param_groups[0]["lr"] == pytest.approx(rates[-1])
        assert prism.adversary.optimizer.param_groups[0]["lr"] == pytest.approx(rates[-1] / 5)
    assert rates == pytest.approx([0.0025, 0.005, 0.0075, 0.01], rel=1e-3)
    prism.slow_down_factor *= 0.5
    assert float(prism.step(batch())["rate"]) == pytest.approx(0.005, rel=1e-3)


@pytest.mark.parametrize("balancer", [pytest.param(name, marks=slow if name in METHODS else []) for name in BALANCERS])
def test_overfitting_one_batch_lowers_the_losses(balancer: str) -> None:
    prism = model(balancer=balancer, rate=4e-3)
    rows = batch()
    logs = [prism.step(rows) for _ in range(40)]
    for name in ("clean/pixel", "mask/pixel", "pencil/pixel", "paint/style"):
        start, end = (float(logs[i][f"loss/{name}"]) for i in (0, -1))
        assert end < 0.75 * start, name


def test_the_latent_is_kept_alive_by_the_diversity_loss() -> None:
    """With the loss, two latents give two pictures; without it, nothing requires that."""
    rows, spread = batch(), {}
    for weight in (0.0, 10.0):
        painter = DerivedEntry(name="pencil", function="comic", latent=True, diversity_weight=weight).task()
        prism = model(some_tasks=[painter], rate=4e-3)
        for _ in range(40):
            prism.step(rows)
        random = torch.Generator().manual_seed(0)
        looks = [prism.generate(rows.source, prism.generator.draw_latent(4, random))["pencil"] for _ in range(2)]
        spread[weight] = float((looks[0] - looks[1]).abs().mean())
    assert spread[10.0] > 0.03
    assert spread[10.0] > 2 * spread[0.0]


@each_stage
@pytest.mark.parametrize("objective", ["non_saturating", "wasserstein"])
@pytest.mark.parametrize("balancer", ["uncertainty", "dwa", "pcgrad"])
def test_going_on_from_a_state_is_going_on(
    stages: str, objective: str, balancer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balancers, "WINDOW", 2)  # the state is taken within a window
    settings = {"stages": stages, "objective": objective, "balancer": balancer, "tasks_per_step": 3}
    steps = 3
    straight = model(**settings)
    for step in range(steps):
        straight.step(batch(seed=step))
    saved = copy.deepcopy(straight.state())  # a state is live; a checkpoint is a copy
    resumed = model(seed=0, **settings)
    resumed.step(batch(seed=99))  # whatever it did before
    resumed.load(copy.deepcopy(saved))
    for step in range(steps, 2 * steps):
        first, second = straight.step(batch(seed=step)), resumed.step(batch(seed=step))
        assert same(first, second)
    assert same(straight.state(), resumed.state())
    assert not same(saved, resumed.state())


@pytest.mark.parametrize("balancer", ["fixed", "pcgrad"])
def test_two_models_of_one_seed_are_the_same_and_leave_the_global_random_state_alone(balancer: str) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first, second, other = (model(seed=seed, balancer=balancer) for seed in (1, 1, 2))
    for prism in (first, second, other):
        prism.step(batch())
    assert torch.equal(torch.get_rng_state(), before)
    assert same(first.state(), second.state())
    assert not same(first.state(), other.state())


@torch.no_grad()
def test_generate_renders_the_named_tasks_and_only_the_latent_ones_vary() -> None:
    prism, source = model(), batch().source
    outputs = prism.generate(source, tasks=["paint", "large"])
    assert list(outputs) == ["paint", "large"]
    assert outputs["large"].shape == (4, 3, 32, 32)
    assert list(prism.generate(source)) == list(NAMES)
    assert not prism.generate(source)["clean"].requires_grad


def test_judge_gives_a_value_for_every_picture_there_is_and_updates_nothing() -> None:
    prism = model()
    prism.step(batch())
    rows = batch(seed=4)
    state = copy.deepcopy(prism.state())
    values = prism.judge(rows, prism.generate(rows.source))
    assert values.keys() == {"loss", "accuracy_real", "accuracy_fake", "accuracy_task"}
    assert {value.shape for value in values.values()} == {(4 * len(NAMES) - 1,)}
    assert all(set(value.unique().tolist()) <= {0.0, 1.0} for name, value in values.items() if name != "loss")
    assert same(state, prism.state())
    assert same(values, prism.judge(rows, prism.generate(rows.source)))
    assert prism.discriminator.training


def test_larger_outputs_are_judged_in_a_window_of_the_sources_size() -> None:
    """Real and fake are cropped at the same place, so if a fake equals its target, their crops are equal."""
    prism, rows = model(), batch()
    seen: list[Tensor] = []
    prism.discriminator.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    outputs = {"large": rows.targets["large"], "clean": rows.targets["clean"]}
    prism.judge(rows, outputs)
    real, fake = seen[0].chunk(2)
    assert seen[0].shape == (16, 3, 16, 16)
    assert torch.equal(real, fake)


BFLOAT16 = [(objective, stages, "fixed") for objective in OBJECTIVES for stages in ("one", "two")]


@pytest.mark.parametrize(
    ("objective", "stages", "balancer"), BFLOAT16 + [("non_saturating", "one", name) for name in BALANCERS]
)
def test_bfloat16_trains(objective: str, stages: str, balancer: str) -> None:
    settings = model(objective=objective, stages=stages, balancer=balancer).config
    prism = Prism(settings, tasks(), {"paint": [smooth(1, 48, 3)[0]]}, steps=10, precision=torch.bfloat16)
    for step in range(2):
        log = prism.step(batch(seed=step))
        assert float(log["skipped"]) == 0
        assert all(math.isfinite(float(value)) for value in log.values())
    assert all(parameter.dtype == torch.float32 for parameter in prism.generator.parameters())
