from __future__ import annotations

from pathlib import Path

import pytest
import torch

from prismgan.metrics import kid
from prismgan.metrics.kid import SUBSETS, kernel, kid_of_features, squared_mmd
from prismgan.networks import load_squeeze
from squeeze_weights import written


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_kernel_by_hand() -> None:
    # ((1 x 3 + 2 x 4) / 2 + 1)^3 = 6.5^3.
    assert kernel(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist() == [[6.5**3, 1]]


def test_the_discrepancy_by_hand() -> None:
    first, second = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [2.0]])
    # Pairs of two different pictures: 1 within the first set, 27 within the second; between them 1, 1, 8 and 27.
    assert squared_mmd(first, second).item() == 1 + 27 - 2 * (1 + 1 + 8 + 27) / 4
    # Sets of unequal size: k(1, 2), k(1, 3), k(2, 3) are 27, 64, 343.
    third = torch.tensor([[1.0], [2.0], [3.0]])
    between = (3 * 1 + 8 + 27 + 64) / 6
    assert squared_mmd(first, third).item() == pytest.approx(1 + (27 + 64 + 343) / 3 - 2 * between)


def test_it_is_not_biased() -> None:
    """Over samples of one distribution it is 0 on average, below it as often as above."""
    values = torch.stack([squared_mmd(*torch.randn(2, 5, 3, generator=seeded(seed))) for seed in range(400)])
    assert abs(values.mean()) < 3 * values.std() / 20
    assert 0.3 < (values < 0).float().mean() < 0.8


def test_mean_and_deviation_over_subsets() -> None:
    # Every pair of subsets of two pictures each has 1 + 8 - 2 x 1.
    assert kid_of_features(torch.zeros(5, 1), torch.ones(4, 1), seeded()) == (7, 0)
    first, second = torch.randn(12, 3, generator=seeded(1)), 1 + torch.randn(12, 3, generator=seeded(2))
    mean, deviation = kid_of_features(first, second, seeded())
    exact = float(squared_mmd(first, second))
    assert mean == pytest.approx(exact, abs=4 * deviation / SUBSETS**0.5)
    assert deviation > 0
    assert kid_of_features(first, second, seeded()) == (mean, deviation)
    assert kid_of_features(first, second, seeded(1)) != (mean, deviation)


def test_two_deviating_subsets_by_hand() -> None:
    """Of {0, 1, 1, 1} against ones: a subset holds the 0 (1 + 8 - 9 = 0) or does not (8 + 8 - 16 = 0); against zeros it
    is 1 + 1 - 2 = 0, or 8 + 1 - 2 = 7."""
    first = torch.tensor([[0.0], [1.0], [1.0], [1.0]])
    assert kid_of_features(first, torch.ones(4, 1), seeded()) == (0, 0)
    mean, deviation = kid_of_features(first, torch.zeros(4, 1), seeded())
    share = mean / 7
    assert share * SUBSETS == pytest.approx(round(share * SUBSETS))
    assert 0.3 < share < 0.7
    assert deviation == pytest.approx(7 * (share * (1 - share)) ** 0.5)


def test_features_are_means_of_the_deepest_map(tmp_path: Path) -> None:
    network = load_squeeze(written(tmp_path)[0])
    metric = kid(network)
    assert (metric.name, metric.unit, metric.better) == ("kid", "", "lower")
    pictures = torch.rand(2, 3, 20, 30, generator=seeded()) * 4 - 2
    found = metric.features(pictures)
    assert found.shape == (2, 512)
    torch.testing.assert_close(found, network(pictures.clamp(-1, 1))[-1].mean(dim=(2, 3)))
    assert metric.features(torch.zeros(1, 3, metric.smallest, metric.smallest)).isfinite().all()
