"""Every adversarial objective compared with its paper, written out by hand: values, gradients, and its requirements."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, get_args

import pytest
import torch
from torch import Tensor

from prismgan.losses.objectives import OBJECTIVES, ObjectiveName

REAL = torch.tensor([-3.0, -0.6, 0.2, 0.9, 1.4, 4.0], dtype=torch.float64)
FAKE = torch.tensor([0.5, -2.0, 0.1, -0.7, 3.0, -1.3], dtype=torch.float64)


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-x))


class ByHand(NamedTuple):
    """A paper's formulas for real logits r and fake logits f."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    discriminator_by_real: Callable[[Tensor, Tensor], Tensor]
    discriminator_by_fake: Callable[[Tensor, Tensor], Tensor]
    generator_by_real: Callable[[Tensor, Tensor], Tensor]
    generator_by_fake: Callable[[Tensor, Tensor], Tensor]


def nothing(r: Tensor, f: Tensor) -> Tensor:
    return torch.zeros_like(r)


PAPERS = {
    # -log D(x) - log(1 - D(G(z))) and -log D(G(z)), with D the sigmoid of the logit.
    "non_saturating": ByHand(
        lambda r, f: -torch.log(sigmoid(r)) - torch.log(1 - sigmoid(f)),
        lambda r, f: -torch.log(sigmoid(f)),
        lambda r, f: -(1 - sigmoid(r)),
        lambda r, f: sigmoid(f),
        nothing,
        lambda r, f: -(1 - sigmoid(f)),
    ),
    "least_squares": ByHand(
        lambda r, f: ((r - 1) ** 2 + f**2) / 2,
        lambda r, f: (f - 1) ** 2 / 2,
        lambda r, f: r - 1,
        lambda r, f: f,
        nothing,
        lambda r, f: f - 1,
    ),
    "hinge": ByHand(
        lambda r, f: torch.maximum(0 * r, 1 - r) + torch.maximum(0 * f, 1 + f),
        lambda r, f: -f,
        lambda r, f: -(r < 1).double(),
        lambda r, f: (f > -1).double(),
        nothing,
        lambda r, f: -torch.ones_like(f),
    ),
    "wasserstein": ByHand(
        lambda r, f: f - r,
        lambda r, f: -f,
        lambda r, f: -torch.ones_like(r),
        lambda r, f: torch.ones_like(f),
        nothing,
        lambda r, f: -torch.ones_like(f),
    ),
    # -log sigmoid(C(x) - C(G(z))) and -log sigmoid(C(G(z)) - C(x)).
    "relativistic": ByHand(
        lambda r, f: -torch.log(sigmoid(r - f)),
        lambda r, f: -torch.log(sigmoid(f - r)),
        lambda r, f: -sigmoid(f - r),
        lambda r, f: sigmoid(f - r),
        lambda r, f: sigmoid(r - f),
        lambda r, f: -sigmoid(r - f),
    ),
}

each_objective = pytest.mark.parametrize("name", OBJECTIVES)


def test_every_objective_is_written_out_here_and_can_be_named_in_a_recipe() -> None:
    assert set(PAPERS) == set(OBJECTIVES) == set(get_args(ObjectiveName))


@each_objective
@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_values_and_gradients_are_the_papers(name: ObjectiveName, player: str) -> None:
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    loss = getattr(OBJECTIVES[name], player)(real, fake)
    torch.testing.assert_close(loss, getattr(PAPERS[name], player)(REAL, FAKE))
    found = torch.autograd.grad(loss.sum(), (real, fake), allow_unused=True)
    for logits, gradient in zip(("real", "fake"), found, strict=True):
        expected = getattr(PAPERS[name], f"{player}_by_{logits}")(REAL, FAKE)
        torch.testing.assert_close(torch.zeros_like(REAL) if gradient is None else gradient, expected)


@each_objective
def test_gradients_agree_with_finite_differences(name: ObjectiveName) -> None:
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    assert torch.autograd.gradcheck(OBJECTIVES[name].discriminator, (real, fake))
    assert torch.autograd.gradcheck(OBJECTIVES[name].generator, (real, fake))


@each_objective
def test_losses_are_unreduced(name: ObjectiveName) -> None:
    objective = OBJECTIVES[name]
    for loss in (objective.discriminator, objective.generator):
        alone = torch.cat([loss(REAL[i : i + 1], FAKE[i : i + 1]) for i in range(len(REAL))])
        torch.testing.assert_close(loss(REAL, FAKE), alone)


@each_objective
def test_the_players_want_the_opposite_of_each_other(name: ObjectiveName) -> None:
    objective = OBJECTIVES[name]
    real, fake = torch.full((1,), 0.3), torch.linspace(-0.9, 0.9, 7)
    real = real.expand_as(fake)
    assert (objective.generator(real, fake).diff() < 0).all(), "the generator gains by a higher fake logit"
    if name != "least_squares":  # whose fakes are pulled to 0 from both sides
        assert (objective.discriminator(real, fake).diff() > 0).all()


@each_objective
def test_it_says_whether_the_generator_sees_the_real_logits(name: ObjectiveName) -> None:
    objective = OBJECTIVES[name]
    depends = not torch.equal(objective.generator(REAL, FAKE), objective.generator(REAL + 1, FAKE))
    assert depends == objective.generator_sees_real


@each_objective
def test_boundary_is_where_the_best_discriminator_is_undecided(name: ObjectiveName) -> None:
    """The logit that minimises D's loss for equal densities of real and fake; None if a shift has no effect."""
    objective = OBJECTIVES[name]
    logits = torch.linspace(-2, 2, 401, dtype=torch.float64)
    loss = objective.discriminator(logits, logits)
    if objective.boundary is None:
        torch.testing.assert_close(loss, loss[:1].expand_as(loss))
    else:
        # Hinge is flat between -1 and 1; this is the middle of the minimum.
        best = logits[loss < loss.min() + 1e-9].mean()
        assert float(best) == pytest.approx(objective.boundary, abs=0.01)


@each_objective
def test_extreme_logits_stay_finite(name: ObjectiveName) -> None:
    real, fake = torch.tensor([-200.0, 200.0]), torch.tensor([200.0, -200.0]).requires_grad_()
    loss = OBJECTIVES[name].discriminator(real, fake) + OBJECTIVES[name].generator(real, fake)
    (gradient,) = torch.autograd.grad(loss.sum(), fake)
    assert loss.isfinite().all()
    assert gradient.isfinite().all()


@each_objective
def test_a_penalty_has_a_weight(name: ObjectiveName) -> None:
    objective = OBJECTIVES[name]
    assert (objective.penalty_weight > 0) == (objective.penalty != "none")
