"""Modes of synthetic classifier outputs, compared with hand-computed values."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from prismgan.metrics import modes


def sure_of(*classes: int, count: int = 4, probability: float = 0.97) -> Tensor:
    """Probabilities (N, count) of pictures of these classes."""
    rest = (1 - probability) / (count - 1)
    found = torch.full((len(classes), count), rest)
    found[torch.arange(len(classes)), torch.tensor(classes)] = probability
    return found


def test_an_even_set_has_every_mode() -> None:
    found = modes(sure_of(0, 1, 2, 3))
    assert found.covered == 4
    assert found.balance == pytest.approx(1.0)
    assert found.recognised == 1.0
    assert found.shares == (0.25, 0.25, 0.25, 0.25)


def test_one_class_alone_has_no_balance() -> None:
    found = modes(sure_of(2, 2, 2))
    assert (found.covered, found.balance, found.recognised) == (1, 0.0, 1.0)


def test_two_of_four_classes_are_half_as_much_entropy() -> None:
    assert modes(sure_of(0, 3, 0, 3)).balance == pytest.approx(math.log(2) / math.log(4))
    # Three quarters and one quarter: -(0.75 ln 0.75 + 0.25 ln 0.25) = 0.56233514.
    assert modes(sure_of(0, 0, 0, 1)).balance == pytest.approx(0.56233514 / math.log(4))


def test_a_class_needs_its_share_of_all_pictures() -> None:
    probabilities = torch.cat([sure_of(*[0] * 98), sure_of(1, 2)])
    assert modes(probabilities, least_share=0.01).covered == 3
    assert modes(probabilities, least_share=0.02).covered == 1


def test_what_shows_nothing_known_belongs_to_no_class() -> None:
    found = modes(torch.cat([sure_of(0, 1), sure_of(2, 3, probability=0.6)]))
    assert found.shares == (0.25, 0.25, 0.0, 0.0)
    assert found.recognised == 0.5
    assert found.covered == 2
    assert modes(sure_of(0, 1, probability=0.6)).balance == 0.0
