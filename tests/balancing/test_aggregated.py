"""Balancers that combine gradients at shared parameters: by hand, in the plane, g1 = (1, 0) against g2 = (-1, 1)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from math import sqrt

import pytest
import torch
from torch import nn

from helpers.games import Shared
from prismgan.balancing import BALANCERS, Balancer, BalancerName, Fixed, Step
from prismgan.balancing.aggregated import METHODS
from prismgan.errors import PrismganError

CONFLICT = {"clean": [1.0, 0.0], "paint": [-1.0, 1.0]}
AGREEMENT = {"clean": [2.0, 1.0], "paint": [1.0, 3.0]}
NAMES: tuple[BalancerName, ...] = ("pcgrad", "mgda", "aligned_mtl", "imtl_g")
Make = Callable[[Mapping[str, float]], Balancer]
PCGrad, MGDA, AlignedMTL, IMTLG = (BALANCERS[name] for name in NAMES)
each_method = pytest.mark.parametrize("make", [BALANCERS[name] for name in NAMES], ids=NAMES)


def test_they_are_all_here() -> None:
    assert set(NAMES) == set(METHODS) <= set(BALANCERS)


def test_pcgrad_takes_out_what_hurts_the_other_task() -> None:
    # g1 + 1/2 g2 = (1/2, 1/2), and g2 + g1 = (0, 1).
    assert Shared(CONFLICT).play(PCGrad) == pytest.approx([0.5, 1.5])
    assert Shared(AGREEMENT).play(PCGrad) == pytest.approx([3, 4]), "without a conflict, the sum"


def test_pcgrad_weighs_the_losses() -> None:
    # 2 g1 = (2, 0): 2 g1 - (2 g1 . g2) / 2 g2 = (1, 1), and g2 + g1 = (0, 1).
    assert Shared(CONFLICT).play(PCGrad, clean=2.0) == pytest.approx([1, 2])


def test_pcgrad_draws_its_order_by_the_step_alone() -> None:
    gradients = {"a": [1.0, 0.0, 0.2], "b": [-1.0, 0.3, 0.1], "c": [-0.8, -1.0, 0.5], "d": [0.1, -0.4, -1.0]}

    def play(seed: int) -> tuple[float, ...]:
        shared = Shared(gradients)
        random = torch.Generator().manual_seed(seed)
        PCGrad(dict.fromkeys(gradients, 1.0))(shared.losses(), shared.step(random=random)).backward()
        return tuple(shared.parameters.grad.tolist())  # type: ignore[union-attr]

    state = torch.get_rng_state()
    found = [play(seed) for seed in range(10)]
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(7)  # random numbers drawn by other code meanwhile
    assert [play(seed) for seed in range(10)] == found
    assert len(set(found)) > 1


def test_mgda_is_the_point_of_least_norm_between_the_gradients() -> None:
    # 3/5 g1 + 2/5 g2, at right angles to g2 - g1.
    assert Shared(CONFLICT).play(MGDA) == pytest.approx([0.2, 0.4])
    # The shorter gradient is the end of the segment and its nearest point to the origin.
    assert Shared({"clean": [1.0, 0.0], "paint": [5.0, 1.0]}).play(MGDA) == pytest.approx([1, 0], abs=1e-6)
    assert Shared({"clean": [1.0, 1.0], "paint": [-2.0, -2.0]}).play(MGDA) == pytest.approx([0, 0], abs=1e-6)


def test_mgda_weighs_the_losses() -> None:
    # Between (2, 0) and (-1, 1), at right angles to (-3, 1): 4/10 (2, 0) + 6/10 (-1, 1).
    assert Shared(CONFLICT).play(MGDA, clean=2.0) == pytest.approx([0.2, 0.6])


def test_imtl_g_goes_equally_far_along_all_tasks() -> None:
    found = Shared(CONFLICT).play(IMTLG)
    # (1 - a) g1 + a g2 with (1 - 2a) = (3a - 1) / sqrt 2: a = sqrt 2 - 1.
    assert found == pytest.approx([3 - 2 * sqrt(2), sqrt(2) - 1])
    assert found[0] == pytest.approx((found[1] - found[0]) / sqrt(2))


def test_imtl_g_goes_the_same_way_whatever_the_weights() -> None:
    plain, weighted = (torch.tensor(Shared(CONFLICT).play(IMTLG, clean=weight)) for weight in (1.0, 7.0))
    torch.testing.assert_close(plain / plain.norm(), weighted / weighted.norm())


def test_aligned_mtl_averages_gradients_that_were_made_orthogonal_and_equally_long() -> None:
    assert Shared({"clean": [4.0, 0.0], "paint": [0.0, 1.0]}).play(AlignedMTL) == pytest.approx([0.5, 0.5])
    # The Gramian's root is (G + I) / sqrt 5, its inverse ((3, 1), (1, 2)) / sqrt 5, the smallest singular value
    # (sqrt 5 - 1) / 2: so coefficients are that / sqrt 5 (2, 3/2), and 2 g1 + 3/2 g2 = (1/2, 3/2).
    scale = (sqrt(5) - 1) / 2 / sqrt(5)
    assert Shared(CONFLICT).play(AlignedMTL) == pytest.approx([0.5 * scale, 1.5 * scale])


def test_aligned_mtl_takes_the_weights_for_preferences() -> None:
    gradients = {"clean": [4.0, 0.0], "paint": [0.0, 1.0]}
    assert Shared(gradients).play(AlignedMTL, clean=3.0) == pytest.approx([0.75, 0.25])
    assert Shared(gradients).play(AlignedMTL, clean=6.0, paint=2.0) == pytest.approx([0.75, 0.25])


@each_method
def test_heads_get_their_own_tasks_gradient_times_its_weight(make: Make) -> None:
    shared = Shared(CONFLICT)
    shared.play(make, clean=2.0)
    # Losses are g . (1, 2).
    assert {name: float(head.grad) for name, head in shared.heads.items()} == {"clean": 2, "paint": 1}  # type: ignore[arg-type]


@each_method
def test_the_value_is_the_weighted_sum_for_the_log(make: Make) -> None:
    shared = Shared(CONFLICT)
    balancer = make({"clean": 2.0, "paint": 3.0})
    assert float(balancer(shared.losses(), shared.step()).detach()) == pytest.approx(2 * 1 + 3 * 1)


@each_method
def test_the_log_says_how_much_every_task_counts(make: Make) -> None:
    shared = Shared(CONFLICT)
    balancer = make({"clean": 2.0, "paint": 3.0, "mask": 1.0})
    assert balancer.weights() == {}
    balancer(shared.losses(), shared.step()).backward()
    found = balancer.weights()
    assert shared.parameters.grad is not None
    assert shared.parameters.grad.tolist() == pytest.approx(
        [2 * found["clean"] - 3 * found["paint"], 3 * found["paint"]]
    )


@each_method
def test_tasks_that_are_missing_or_switched_off_take_no_part(make: Make) -> None:
    shared = Shared({**CONFLICT, "mask": [5.0, -7.0]})
    balancer = make({"clean": 1.0, "paint": 1.0, "mask": 0.0, "large": 1.0})
    balancer(shared.losses(), shared.step()).backward()
    assert shared.parameters.grad is not None
    assert shared.parameters.grad.tolist() == pytest.approx(Shared(CONFLICT).play(make))


@each_method
def test_one_task_alone_keeps_its_gradient(make: Make) -> None:
    assert Shared({"clean": [3.0, -4.0]}).play(make) == pytest.approx([3, -4])


@each_method
def test_where_nothing_shared_learns_heads_learn_as_ever(make: Make) -> None:
    shared, other = Shared(CONFLICT), Shared(CONFLICT)
    for parameters in (shared.parameters, shared.unreached):
        parameters.requires_grad_(False)
    make({"clean": 2.0, "paint": 1.0})(shared.losses(), shared.step()).backward()
    Fixed({"clean": 2.0, "paint": 1.0})(other.losses(), other.step()).backward()
    assert shared.parameters.grad is None
    assert [head.grad for head in shared.heads.values()] == [head.grad for head in other.heads.values()]


@each_method
def test_the_gradients_that_are_combined_are_those_of_all_processes(make: Make) -> None:
    """This process has half of each gradient and something else; the other process has the rest."""
    mine = Shared({"clean": [4.0, 1.0], "paint": [0.0, -3.0]})
    theirs = torch.tensor([[-2.0, -1.0], [-2.0, 5.0]])
    balancer = make(dict.fromkeys(CONFLICT, 1.0))

    def total(jacobian: torch.Tensor) -> torch.Tensor:
        return jacobian + torch.cat([torch.zeros(2, 3), theirs], dim=1)  # the first three parameters have no gradient

    balancer(mine.losses(), mine.step(total=total, processes=2)).backward()
    assert mine.parameters.grad is not None
    assert mine.parameters.grad.tolist() == pytest.approx(Shared(CONFLICT).play(make))


@each_method
def test_gradients_that_differ_by_a_million_do_not_lose_the_smaller(make: Make) -> None:
    found = Shared({"clean": [1e-3, 0.0], "paint": [0.0, 1e3]}).play(make)
    # MGDA's coefficient of the longer gradient is a millionth squared, so the result is the shorter one.
    assert found[0] == pytest.approx({"aligned_mtl": 5e-4}.get(_name(make), 1e-3), rel=1e-2)


@each_method
@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_so_that_the_step_is_skipped(make: Make, broken: float) -> None:
    found = Shared({**CONFLICT, "paint": [broken, 1.0]}).play(make)
    assert not torch.tensor(found).isfinite().any()


@each_method
def test_without_any_gradient_nothing_moves(make: Make) -> None:
    """As in the first step, when all heads add nothing."""
    assert Shared({"clean": [0.0, 0.0], "paint": [0.0, 0.0]}).play(make) == [0, 0]


@each_method
def test_a_missing_package_is_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchjd", None)
    with pytest.raises(PrismganError, match=r"needs the package torchjd; .*prismgan\[balancing\]'"):
        make({"clean": 1.0})


@each_method
def test_gradients_in_another_memory_layout_come_home(make: Make) -> None:
    kernel = nn.Parameter(torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0)))
    kernel.data = kernel.data.to(memory_format=torch.channels_last)
    head = nn.Parameter(torch.ones(()))
    wanted = torch.arange(48.0).view(4, 3, 2, 2)
    make({"clean": 1.0})({"clean": head * (kernel * wanted).sum()}, Step({}, [kernel], {"clean": [head]})).backward()
    torch.testing.assert_close(kernel.grad, wanted, check_stride=False)


def _name(make: Make) -> str:
    return next(name for name, balancer in BALANCERS.items() if balancer is make)
