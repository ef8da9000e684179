from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from prismgan.metrics.pairs import nmi


def picture(levels: list[list[float]]) -> Tensor:
    """A grey picture (1, 3, H, W) of the given levels."""
    return torch.tensor(levels, dtype=torch.float32).expand(1, 3, -1, -1).contiguous()


def test_two_levels_against_the_definition() -> None:
    first = picture([[-1, -1, 1, 1]])
    second = picture([[-1, 1, 1, 1]])
    # Joint cells: (0,0) 1/4, (0,1) 1/4, (1,1) 1/2.
    joint = 2 * 0.25 * math.log(4) + 0.5 * math.log(2)
    expected = (math.log(2) + 0.25 * math.log(4) + 0.75 * math.log(4 / 3)) / joint
    assert nmi(first, second).item() == pytest.approx(expected, rel=1e-6)


def test_independent_pictures_score_one() -> None:
    assert nmi(picture([[-1, -1, 1, 1]]), picture([[-1, 1, -1, 1]])).item() == pytest.approx(1.0)


def test_the_negative_holds_all_information() -> None:
    levels = torch.linspace(-1, 1, 100).expand(1, 3, 10, 100).contiguous()
    assert nmi(-levels, levels).item() == pytest.approx(2.0, abs=1e-3)
    assert nmi(levels / 2, levels).item() == pytest.approx(2.0, abs=1e-3)


def test_flat_pictures() -> None:
    flat = torch.zeros(1, 3, 4, 4)
    assert nmi(flat, flat + 0.5).item() == 2.0
    assert nmi(flat, picture([[-1, 0, 0.5, 1]] * 4)).item() == pytest.approx(1.0)


def test_a_diverged_picture_spoils_only_its_own_value() -> None:
    pictures = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    broken = pictures.clone()
    broken[0, 1, 2, 3] = float("nan")
    first, second = nmi(broken, pictures).tolist()
    assert math.isnan(first)
    assert second == pytest.approx(2.0)
