"""One-stage training is exact: it equals two clean backward passes through the same discriminator."""

from __future__ import annotations

import copy
from collections import Counter

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.tiny_models import batch, model
from prismgan.losses.objectives import OBJECTIVES, ObjectiveName, wasserstein_penalty, zero_centred_penalty
from prismgan.models import AdversarialBatch, Adversary, AdversaryConfig
from prismgan.models.step import StepContext
from prismgan.networks import DiscriminatorConfig

TASKS = ("clean", "paint", "pencil")
ROWS = 3
SIZE = DiscriminatorConfig(width=4, levels=2)
COEFFICIENTS = {"clean": 0.3, "pencil": 1.7}
"""The generator's factors of the two tasks' losses."""

each_objective = pytest.mark.parametrize("objective", OBJECTIVES)


def adversary(objective: ObjectiveName, *, shift: float = 0.0, stages: str = "one", **settings: object) -> Adversary:
    """In float64, without clipping, with all logits moved by ``shift``."""
    config = AdversaryConfig.model_validate(
        {"discriminator": SIZE, "objective": objective, "stages": stages, "clip": None, **settings}
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = Adversary(config, TASKS, "cpu", torch.autocast("cpu", enabled=False))
    made.discriminator.double()
    with torch.no_grad():
        made.discriminator.whole.bias.add_(shift)
    return made


def fakes(weight: Tensor | None = None) -> AdversarialBatch:
    """Two of the three tasks are adversarial; by default one row has no picture of the second."""
    random = torch.Generator().manual_seed(1)
    count = 2 * ROWS
    real, fake = (torch.rand(count, 3, 16, 16, generator=random, dtype=torch.float64) * 2 - 1 for _ in range(2))
    if weight is None:
        weight = torch.tensor([1 / 6, 1 / 6, 1 / 6, 1 / 4, 0.0, 1 / 4])
    index = torch.tensor([0, 0, 0, 2, 2, 2])
    return AdversarialBatch(("clean", "pencil"), fake.requires_grad_(), real, index, weight)


def context_of(seed: int) -> StepContext:
    return StepContext([], {}, torch.Generator().manual_seed(seed))


def logits_of_fakes(made: Adversary, given: AdversarialBatch) -> Tensor:
    with torch.no_grad():
        return copy.deepcopy(made.discriminator)(given.fake, given.task_index).logit


def played(made: Adversary, given: AdversarialBatch, step: int) -> tuple[Tensor, dict[str, Tensor], dict[str, float]]:
    """Gradient at the outputs, gradients of the discriminator's parameters, and the generator's losses."""
    losses = made.update(given, step, context_of(5))
    found = {name: p.grad.clone() for name, p in made.discriminator.named_parameters() if p.grad is not None}
    total = torch.stack([COEFFICIENTS[task] * loss for task, loss in losses.items()]).sum()
    (at_outputs,) = torch.autograd.grad(total, given.fake)
    return at_outputs, found, {task: float(loss.detach()) for task, loss in losses.items()}


def by_hand(made: Adversary, given: AdversarialBatch, step: int) -> tuple[Tensor, dict[str, Tensor], dict[str, float]]:
    """The same from two backward passes, each through a fresh copy of the discriminator in its current state."""
    objective, count = made.objective, len(given.fake)
    images, index = torch.cat([given.real, given.fake.detach()]), torch.cat([given.task_index, given.task_index])

    judge = copy.deepcopy(made.discriminator)
    judgement = judge(images, index)
    real, fake = judgement.logit[:count], judgement.logit[count:]
    loss = (objective.discriminator(real, fake) * given.weight).sum()
    classes = F.cross_entropy(judgement.task[:count], given.task_index, reduction="none")
    loss = loss + made.config.classification_weight * (classes * given.weight).sum()
    every = made.penalty_every
    if made.penalty != "none" and step % every == 0:

        def logit(pictures: Tensor) -> Tensor:
            return judge(pictures, given.task_index).logit

        if made.penalty == "wgan-gp":
            mix = torch.rand(2, ROWS, generator=torch.Generator().manual_seed(5)).flatten()
            values = wasserstein_penalty(logit, given.real, given.fake, mix)
        else:
            values = zero_centred_penalty(logit, given.real)
            if made.penalty == "r1+r2":
                values = values + zero_centred_penalty(logit, given.fake)
        loss = loss + every * made.penalty_weight * (values * given.weight).sum()
    loss.backward()
    found = {name: p.grad for name, p in judge.named_parameters() if p.grad is not None}

    judge = copy.deepcopy(made.discriminator)
    pictures = given.fake.detach().requires_grad_()
    logits = judge(torch.cat([given.real, pictures]), index).logit
    values = objective.generator(logits[:count].detach(), logits[count:]) * given.weight
    # The weights include one over the number of tasks, which is the discriminator's mean, not the generator's.
    losses = {"clean": 2 * values[:ROWS].sum(), "pencil": 2 * values[ROWS:].sum()}
    total = torch.stack([COEFFICIENTS[task] * value for task, value in losses.items()]).sum()
    (at_outputs,) = torch.autograd.grad(total, pictures)
    return at_outputs, found, {task: float(value.detach()) for task, value in losses.items()}


def assert_exact(made: Adversary, given: AdversarialBatch, step: int) -> None:
    expected, expected_parameters, expected_losses = by_hand(made, given, step)
    found, parameters, losses = played(made, given, step)
    assert expected.abs().max() > 1e-6
    # The logits are float32 whatever the discriminator's type: seven digits.
    torch.testing.assert_close(found, expected, rtol=2e-5, atol=1e-6 * float(expected.abs().max()))
    assert parameters.keys() == expected_parameters.keys()
    for name, gradient in expected_parameters.items():
        bound = 1e-6 * max(float(gradient.abs().max()), 1e-3)
        torch.testing.assert_close(parameters[name], gradient, rtol=2e-5, atol=bound, msg=lambda m, n=name: n + m)
    assert losses == pytest.approx(expected_losses, rel=1e-5)


@each_objective
@pytest.mark.parametrize("step", [1, 4], ids=["no penalty due", "penalty due"])
def test_both_gradients_are_those_of_two_backward_passes(objective: ObjectiveName, step: int) -> None:
    assert_exact(adversary(objective), fakes(), step)


@each_objective
def test_also_without_spectral_norm_and_with_a_penalty_of_ones_own(objective: ObjectiveName) -> None:
    made = adversary(objective, penalty="r1", penalty_weight=0.5)
    assert not any("original" in name for name, _ in made.discriminator.named_parameters())
    assert_exact(made, fakes(), 0)


@each_objective
def test_rows_without_a_picture_pull_at_nothing(objective: ObjectiveName) -> None:
    given = fakes()
    at_outputs, _, _ = played(adversary(objective), given, 1)
    assert not at_outputs[4].any()
    assert all(at_outputs[row].any() for row in (0, 1, 2, 3, 5))


@each_objective
def test_what_a_row_without_a_picture_holds_does_not_matter(objective: ObjectiveName) -> None:
    given = fakes()
    other = given._replace(
        fake=torch.cat([given.fake[:4], -given.fake[4:5], given.fake[5:]]).detach().requires_grad_(),
        real=torch.cat([given.real[:4], 0 * given.real[4:5], given.real[5:]]),
    )
    first, second = (played(adversary(objective), these, 0) for these in (given, other))
    torch.testing.assert_close(first[0], second[0])
    for name, gradient in first[1].items():
        torch.testing.assert_close(gradient, second[1][name])


@pytest.mark.parametrize("saturated", ["some", "all"])
def test_hinge_beyond_its_margin_is_exact(saturated: str) -> None:
    """The discriminator's gradient at the fakes is zero there, so the generator's cannot be computed by rescaling
    it."""
    given = fakes()
    logits = logits_of_fakes(adversary("hinge"), given)
    present = logits[given.weight > 0]
    middle = present.median() + 1e-3 if saturated == "some" else present.max() + 0.5
    made = adversary("hinge", shift=float(-1 - middle))
    logits = logits_of_fakes(made, given)[given.weight > 0]
    assert (logits < -1).any()
    assert (logits < -1).all() == (saturated == "all")
    assert_exact(made, given, 1)


def test_a_saturated_row_without_a_picture_costs_no_second_backward_pass() -> None:
    """A row without weight must not affect how the others are computed."""
    given = fakes()
    logits = logits_of_fakes(adversary("hinge"), given)
    absent = int(logits.argmin())
    weight = torch.full((6,), 0.2)
    weight[absent] = 0
    between = (logits[absent] + logits[weight > 0].min()) / 2
    made = adversary("hinge", shift=float(-1 - between))
    given = given._replace(weight=weight)
    assert_exact(copy.deepcopy(made), given, 1)
    passes = count_backward_passes(made)
    made.update(given, 1, context_of(0))
    assert passes["backward"] == 1


def test_the_second_backward_pass_is_taken_only_where_it_is_needed() -> None:
    for shift, expected in ((0.0, 1), (-20.0, 2)):
        made = adversary("hinge", shift=shift)
        passes = count_backward_passes(made)
        made.update(fakes(), 1, context_of(0))
        assert passes["backward"] == expected


@pytest.mark.parametrize("distance", [0.0, 1e-6])
def test_least_squares_near_a_logit_of_zero_is_exact(distance: float) -> None:
    """The discriminator's derivative also vanishes there."""
    given = fakes()
    first = float(logits_of_fakes(adversary("least_squares"), given)[0])
    made = adversary("least_squares", shift=distance - first)
    assert abs(float(logits_of_fakes(made, given)[0]) - distance) < 1e-7
    assert_exact(made, given, 1)


@pytest.mark.parametrize("certainty", [20.0, 40.0])
def test_certain_rejection_keeps_the_gradient(certainty: float) -> None:
    """The generator's derivative is near -1 where the discriminator's is 1e-9, or 1e-18."""
    assert_exact(adversary("non_saturating", shift=-certainty), fakes(), 1)


def count_backward_passes(made: Adversary) -> Counter[str]:
    counter: Counter[str] = Counter()

    def forward(module: torch.nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if output.requires_grad:
            output.register_hook(lambda gradient: counter.update(["backward"]))

    made.discriminator.trunk[0].register_forward_hook(forward)
    return counter


@each_objective
@pytest.mark.parametrize("stages", ["one", "two"])
def test_forward_passes_a_step(objective: ObjectiveName, stages: str) -> None:
    prism = model(objective=objective, stages=stages)
    calls: Counter[str] = Counter()
    prism.generator.trunk.register_forward_hook(lambda *_: calls.update(["trunk"]))
    prism.discriminator.register_forward_hook(lambda *_: calls.update(["discriminator"]))
    sees_real = OBJECTIVES[objective].generator_sees_real
    for step in range(4):
        calls.clear()
        prism.step(batch(seed=step))
        penalty_due = OBJECTIVES[objective].penalty != "none" and step % 2 == 0
        penalties = {"none": 0, "r1": 1, "r1+r2": 2, "wgan-gp": 1}[OBJECTIVES[objective].penalty]
        expected = (1 if stages == "one" else 2 + sees_real) + penalties * penalty_due
        assert calls == {"trunk": 1, "discriminator": expected}


@each_objective
def test_two_stages_show_the_generator_the_updated_discriminator(objective: ObjectiveName) -> None:
    """The only difference between one and two stages."""
    size = SIZE.model_copy(update={"spectral_norm": False})  # whose power iteration would continue in every pass
    given, made = fakes(), adversary(objective, stages="two", discriminator=size)
    made.optimizer.param_groups[0]["lr"] = 0.02
    before, _, _ = by_hand(made, given, 1)
    found, _, losses = played(made, given, 1)
    expected, _, expected_losses = by_hand(made, given, 1)
    torch.testing.assert_close(found, expected, rtol=2e-5, atol=1e-6 * float(expected.abs().max()))
    assert losses == pytest.approx(expected_losses, rel=1e-5)
    assert (found - before).abs().max() > 0.01 * before.abs().max()


@pytest.mark.parametrize("stages", ["one", "two"])
@each_objective
def test_the_discriminators_own_gradients_do_not_depend_on_the_stages(objective: ObjectiveName, stages: str) -> None:
    given, made = fakes(), adversary(objective, stages=stages)
    _, expected, _ = by_hand(made, given, 0)
    _, found, _ = played(made, given, 0)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("stages", ["one", "two"])
@each_objective
def test_the_generators_backward_pass_leaves_the_discriminator_alone(objective: ObjectiveName, stages: str) -> None:
    given, made = fakes(), adversary(objective, stages=stages)
    losses = made.update(given, 1, context_of(0))
    before = {name: p.grad.clone() for name, p in made.discriminator.named_parameters() if p.grad is not None}
    torch.stack(list(losses.values())).sum().backward()
    after = {name: p.grad for name, p in made.discriminator.named_parameters() if p.grad is not None}
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(parameter.requires_grad for parameter in made.discriminator.parameters())
