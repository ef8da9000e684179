"""The contract of every loss of every kind of task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args, get_origin

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.batch import TaskBatch
from prismgan.networks import FeatureNetwork
from prismgan.tasks import KINDS, Exemplar, Task, TaskEntry
from prismgan.tasks.base import LossTerm
from prismgan.weights import default_features


def entry_of(kind: type[TaskEntry]) -> TaskEntry:
    """An entry with only the fields that the kind requires."""
    given: dict[str, object] = {"name": "made"}
    for name, field in kind.model_fields.items():
        if field.is_required() and name != "name":
            literal = get_origin(field.annotation) is Literal
            given[name] = get_args(field.annotation)[0] if literal else ("picture.png",)
    return kind.model_validate(given)


TERMS: dict[str, tuple[Task, LossTerm]] = {
    f"{task.kind}-{term.name}": (task, term)
    for task in (entry_of(kind).task() for kind in KINDS)
    for term in task.losses
}
# Losses of features keep the contract with any features.
RANDOM = " by random features"
TERMS |= {name + RANDOM: (task, term) for name, (task, term) in TERMS.items() if isinstance(task.target, Exemplar)}
each_term = pytest.mark.parametrize("name", TERMS)


def pictures(rows: int, side: int, seed: int) -> Tensor:
    coarse = torch.rand(rows, 3, 6, 6, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return F.interpolate(coarse, size=(side, side), mode="bicubic").clamp(-1, 1)


@pytest.fixture
def setting(name: str) -> tuple[Callable[..., Tensor], Tensor, TaskBatch]:
    """The loss, an output of three rows, and the loss's other inputs."""
    task, term = TERMS[name]
    exemplars = list(pictures(2, 48, 5)) if isinstance(task.target, Exemplar) else []
    reference = pictures(3, 32, 1)
    target = pictures(3, 32 * task.scale, 2) if term.needs_pair else None
    seen = TaskBatch(source=reference + 0.1, reference=reference, target=target)
    features = random_features() if name.endswith(RANDOM) else default_features()
    return term.build(features, exemplars), pictures(3, 32 * task.scale, 3), seen


def random_features() -> nn.Module:
    """An untrained network, with weights that preserve the strength of their input."""
    torch.manual_seed(0)
    network = FeatureNetwork([(8, 8), (16, 16), (24,)])
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    return network.frozen()


def row(seen: TaskBatch, index: int) -> TaskBatch:
    rows = slice(index, index + 1)
    target = None if seen.target is None else seen.target[rows]
    return TaskBatch(seen.source[rows], seen.reference[rows], target)


Setting = tuple[Callable[..., Tensor], Tensor, TaskBatch]


@each_term
def test_one_finite_value_a_row_without_negatives(name: str, setting: Setting) -> None:
    loss, output, seen = setting
    values = loss(output, seen)
    assert values.shape == (3,)
    assert values.dtype == torch.float32
    assert values.isfinite().all()
    assert (values >= 0).all()


@each_term
def test_a_row_is_judged_alone(name: str, setting: Setting) -> None:
    loss, output, seen = setting
    alone = torch.cat([loss(output[i : i + 1], row(seen, i)) for i in range(3)])
    torch.testing.assert_close(loss(output, seen), alone, atol=1e-5, rtol=1e-5)


@each_term
def test_the_gradient_is_finite_and_of_its_own_row(name: str, setting: Setting) -> None:
    loss, output, seen = setting
    output.requires_grad_()
    loss(output, seen)[1].backward()
    assert output.grad is not None
    assert output.grad.isfinite().all()
    assert output.grad[1].any()
    assert not output.grad[[0, 2]].any()


@each_term
def test_the_gradient_is_finite_on_black_and_on_the_reference_itself(name: str, setting: Setting) -> None:
    loss, output, seen = setting
    for start in (torch.full_like(output, -1), F.interpolate(seen.reference, size=output.shape[-2:])):
        start.requires_grad_()
        (gradient,) = torch.autograd.grad(loss(start, seen).sum(), start)
        assert gradient.isfinite().all()


@each_term
def test_following_the_gradient_lowers_the_loss(name: str, setting: Setting) -> None:
    loss, output, seen = setting
    output.requires_grad_()
    before = loss(output, seen)
    (gradient,) = torch.autograd.grad(before.sum(), output)
    step = 1e-2 * gradient / gradient.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    assert (loss(output - step, seen) < before).all()


@each_term
def test_nothing_is_changed_in_place_and_nothing_learns(name: str, setting: Setting) -> None:
    loss, output, seen = setting
    before = output.clone(), seen.source.clone(), seen.reference.clone()
    first = loss(output, seen)
    assert torch.equal(first, loss(output, seen))
    for found, expected in zip((output, seen.source, seen.reference), before, strict=True):
        assert torch.equal(found, expected)
    assert not any(parameter.requires_grad for parameter in loss.parameters())


@each_term
def test_a_loss_that_needs_a_pair_says_so(name: str, setting: Setting) -> None:
    """All others were called without a target just before."""
    loss, output, seen = setting
    if TERMS[name][1].needs_pair:
        with pytest.raises(AssertionError, match="no pairs"):
            loss(output, TaskBatch(seen.source, seen.reference, None))
    else:
        assert seen.target is None


@each_term
def test_the_target_has_the_least_loss_of_a_pair(name: str, setting: Setting) -> None:
    loss, output, seen = setting
    if seen.target is not None:
        assert (loss(seen.target, seen) < loss(output, seen)).all()


@each_term
def test_bfloat16_outputs_are_judged_in_float32(name: str, setting: Setting) -> None:
    loss, output, seen = setting
    expected = loss(output, seen)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(output, seen)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=0.02, rtol=0.02)
