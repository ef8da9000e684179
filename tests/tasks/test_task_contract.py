"""The contract of every kind of task."""

from __future__ import annotations

import builtins
import dataclasses
import io
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from torch import nn

from prismgan import images
from prismgan.balancing import DynamicWeightAverage, Uncertainty
from prismgan.metrics import METRICS
from prismgan.models import head_specs
from prismgan.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from prismgan.tasks import KINDS, Derived, Exemplar, Paired, Task, TaskEntry, Unpaired

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.model_fields["kind"].default)


def least(kind: type[TaskEntry], name: str = "made") -> dict[str, Any]:
    """The required fields of a kind; pictures are files that do not exist."""
    given: dict[str, Any] = {"kind": kind.model_fields["kind"].default, "name": name}
    for key, field in kind.model_fields.items():
        if field.is_required() and key != "name":
            literal = get_origin(field.annotation) is Literal
            given[key] = get_args(field.annotation)[0] if literal else ["nowhere/picture.png"]
    return given


def make(kind: type[TaskEntry], **settings: Any) -> Task:
    return kind.model_validate({**least(kind), **settings}).task()


def test_kinds_have_names_of_their_own() -> None:
    names = [kind.model_fields["kind"].default for kind in KINDS]
    assert len(set(names)) == len(names)
    assert {"restore", "super_resolution", "style", "cartoon", "derived", "paired", "unpaired"} <= set(names)


@each_kind
def test_an_entry_makes_a_task_and_opens_no_file(kind: type[TaskEntry], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **settings: object) -> None:
        raise AssertionError(f"opened {args}")

    with monkeypatch.context() as patch:
        for place, name in ((builtins, "open"), (io, "open"), (Path, "open"), (Image, "open")):
            patch.setattr(place, name, refuse)
        task = make(kind)
    assert task.name == "made"
    assert task.kind == kind.model_fields["kind"].default
    assert task.scale in (1, 2, 4)


@each_kind
def test_a_task_is_a_value(kind: type[TaskEntry]) -> None:
    assert dataclasses.replace(make(kind)) == make(kind)
    with pytest.raises(dataclasses.FrozenInstanceError):
        make(kind).name = "other"  # type: ignore[misc]


@each_kind
def test_losses_and_metrics_are_there_and_named_once(kind: type[TaskEntry]) -> None:
    task = make(kind)
    assert task.losses
    assert task.metrics
    assert set(task.metrics) <= set(METRICS)
    for named in (task.losses, task.metrics):
        names = [part.name for part in named]
        assert len(set(names)) == len(names)
    assert all(term.weight > 0 for term in task.losses)


@each_kind
def test_a_loss_needs_a_pair_only_where_there_are_pairs(kind: type[TaskEntry]) -> None:
    task = make(kind)
    assert task.has_pairs == isinstance(task.target, Derived | Paired)
    assert task.has_pairs or not any(term.needs_pair for term in task.losses)
    assert bool(task.exemplars) == isinstance(task.target, Exemplar)


@each_kind
def test_the_baseline_is_the_enlarged_source(kind: type[TaskEntry]) -> None:
    task, source = make(kind), torch.rand(2, 3, 17, 22) * 2 - 1
    found = task.baseline(source)
    assert found.shape == (2, 3, 17 * task.scale, 22 * task.scale)
    assert torch.equal(found, images.upsample(source, task.scale))


@each_kind
def test_a_generator_can_be_built_for_it(kind: type[TaskEntry]) -> None:
    task = make(kind, latent=True)
    generator = Generator(GeneratorConfig(widths=(4, 8), blocks=(1, 1), latent=2, code=4), head_specs([task]))
    with torch.no_grad():
        outputs = generator(torch.rand(1, 3, 16, 16), torch.randn(1, 2))
    assert outputs["made"].shape[-1] == 16 * task.scale


@each_kind
def test_weights_of_an_entry_reach_the_task(kind: type[TaskEntry]) -> None:
    plain = make(kind)
    assert plain.weight in (0.1, 1), "looks take a tenth of the trunk"
    assert plain.adversarial_weight > 0
    assert plain.diversity_weight == 0, "nothing varies without a latent"
    given = make(kind, weight=2.5, adversarial_weight=0.25, latent=True, diversity_weight=0.75)
    assert (given.weight, given.adversarial_weight) == (2.5, 0.25)
    assert given.latent
    assert given.diversity_weight == 0.75


@each_kind
def test_every_loss_has_a_weight_in_the_entry_and_zero_leaves_it_out(kind: type[TaskEntry]) -> None:
    names = [term.name for term in make(kind).losses]
    for name in names:
        less = make(kind, **{f"{name}_weight": 0})
        assert [term.name for term in less.losses] == [other for other in names if other != name]
        (heavier,) = (term for term in make(kind, **{f"{name}_weight": 7}).losses if term.name == name)
        assert heavier.weight == 7


@each_kind
@pytest.mark.parametrize("name", ["", "Upper", "under_score", "-dash-first", "a b", "a/b", "a.b", "a\n", "ä", "x" * 41])
def test_names_that_cannot_be_keys_and_files_are_refused(kind: type[TaskEntry], name: str) -> None:
    with pytest.raises(ValidationError, match="name"):
        kind.model_validate(least(kind, name))


@each_kind
@pytest.mark.parametrize("name", ["a", "4x", "van-gogh", "x" * 40, "modules-1"])
def test_other_names_are_taken(kind: type[TaskEntry], name: str) -> None:
    assert kind.model_validate(least(kind, name)).task().name == name


@pytest.mark.parametrize("name", ["double", "half", "train", "training", "type", "values", "copy", "pop"])
def test_names_that_torch_has_taken_are_refused_with_a_way_out(name: str) -> None:
    with pytest.raises(ValidationError, match=f"{name}-1"):
        KINDS[0].model_validate(least(KINDS[0], name))
    specs = head_specs([make(KINDS[0], name=f"{name}-1")])
    Generator(GeneratorConfig(), specs)
    Discriminator(DiscriminatorConfig(), [f"{name}-1"])
    for balancer in (Uncertainty, DynamicWeightAverage):
        balancer({f"{name}-1": 1.0})


def test_every_name_that_is_taken_is_fine_for_torch() -> None:
    """Any plain word that is a method of torch's is either refused or works."""
    words = {word for word in dir(nn.ModuleDict()) + dir(nn.ParameterDict()) if word.isalpha() and word.islower()}
    assert "double" in words
    for word in words:
        with pytest.raises(ValidationError):
            KINDS[0].model_validate(least(KINDS[0], word))


@each_kind
def test_negative_weights_and_unknown_keys_are_refused(kind: type[TaskEntry]) -> None:
    with pytest.raises(ValidationError, match="weight"):
        make(kind, weight=-1)
    with pytest.raises(ValidationError, match="did you mean 'adversarial_weight'"):
        make(kind, adversarial_wieght=1)
    with pytest.raises(ValidationError, match="kind"):
        kind.model_validate({**least(kind), "kind": "nonsense"})


@each_kind
def test_an_entry_is_frozen(kind: type[TaskEntry]) -> None:
    entry = kind.model_validate(least(kind))
    with pytest.raises(ValidationError, match="frozen"):
        entry.weight = 3.0


@each_kind
def test_every_field_is_documented(kind: type[TaskEntry]) -> None:
    undocumented = [name for name, field in kind.model_fields.items() if not field.description]
    assert set(undocumented) <= {"kind"}


@each_kind
def test_pictures_are_located_and_nothing_else(kind: type[TaskEntry]) -> None:
    entry = kind.model_validate(least(kind))
    moved = kind.model_validate(least(kind), context={"base": Path("/there")})
    before, after = entry.model_dump(), moved.model_dump()
    different = {name for name in before if before[name] != after[name]}
    for name in different:
        assert after[name] == ("/there/nowhere/picture.png",)
    shows = isinstance(entry.task().target, Exemplar | Unpaired)
    assert shows == (len(different) == 1)


@each_kind
def test_a_derived_target_fits_the_reference(kind: type[TaskEntry]) -> None:
    target = make(kind).target
    if isinstance(target, Derived):
        photo = torch.rand(2, 3, 19, 24) * 2 - 1
        found = target.function(photo)
        assert found.shape == photo.shape
        assert found.min() >= -1
        assert found.max() <= 1
