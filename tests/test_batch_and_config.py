"""The two small types that everything else is made of."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from prismgan.batch import Batch
from prismgan.config import Config
from prismgan.errors import nearest


def batch() -> Batch:
    rows = torch.zeros(2, 3, 4, 4)
    return Batch(
        source=rows,
        reference=rows + 1,
        targets={"clean": rows + 2, "both": rows + 3},
        examples={"paint": rows + 4, "both": rows + 5},
        present={"clean": torch.tensor([True, False])},
        skipped=("a.png",),
    )


def test_a_task_sees_the_source_the_photo_and_its_own_target() -> None:
    view = batch().of("clean")
    assert torch.equal(view.source, batch().source)
    assert torch.equal(view.reference, batch().reference)
    assert view.target is not None
    assert torch.equal(view.target, batch().targets["clean"])
    assert batch().of("paint").target is None


def test_real_pictures_are_examples_else_targets() -> None:
    assert float(batch().real("paint").mean()) == 4
    assert float(batch().real("clean").mean()) == 2
    assert float(batch().real("both").mean()) == 5
    with pytest.raises(KeyError):
        batch().real("nonsense")


def test_a_batch_moves_as_a_whole() -> None:
    moved = batch().to("meta")
    tensors = [moved.source, moved.reference, *moved.targets.values(), *moved.examples.values()]
    assert all(tensor.is_meta for tensor in [*tensors, *moved.present.values()])
    assert moved.skipped == ("a.png",)


class Shape(Config):
    """For the tests."""

    filled: bool | None = None
    sides: tuple[int, ...] | None = None

    width: int = 3
    """Columns."""
    height: int = 2
    ratio: float = 1.0


def test_an_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(
        ValidationError,
        match=r"unknown key 'widht'; did you mean 'width'\? \(known: filled, sides, width, height, ratio\)",
    ):
        Shape.model_validate({"widht": 4})
    with pytest.raises(ValidationError, match=r"unknown key 'zzz' \(known"):
        Shape.model_validate({"zzz": 4})


@pytest.mark.parametrize("wrong", [{"width": True}, {"ratio": False}, {"sides": [3, True]}])
def test_a_truth_value_is_no_number(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"should be a valid (integer|number), .*input_value='(true|false)'"):
        Shape.model_validate(wrong)
    assert Shape.model_validate({"filled": True, "sides": [3], "width": 1}).filled is True


def test_a_part_of_a_recipe_is_frozen_finite_and_documented() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Shape().width = 4
    with pytest.raises(ValidationError, match="finite"):
        Shape(ratio=float("nan"))
    assert Shape.model_fields["width"].description == "Columns."


def test_the_nearest_word_is_offered_only_if_it_is_near() -> None:
    assert nearest("stpes", ["steps", "seed"]) == "; did you mean 'steps'?"
    assert nearest("entirely", ["steps", "seed"]) == ""
