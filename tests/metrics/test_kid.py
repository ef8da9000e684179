from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.squeeze_weights import written
from prismgan.data import builtin
from prismgan.images import to_float
from prismgan.metrics import kid
from prismgan.metrics.learnt import SUBSETS, kid_of_features
from prismgan.weights import default_features, load_squeeze


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_mean_and_deviation_over_subsets() -> None:
    # Every pair of subsets of two pictures each has 1 + 8 - 2 x 1.
    assert kid_of_features(torch.zeros(5, 1), torch.ones(4, 1), seeded()) == (7, 0)
    first, second = torch.randn(12, 3, generator=seeded(1)), 1 + torch.randn(12, 3, generator=seeded(2))
    mean, deviation = kid_of_features(first, second, seeded())
    assert mean > deviation / SUBSETS**0.5 > 0
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


def test_it_is_not_biased() -> None:
    """For samples of one distribution it is 0 on average, and negative as often as positive."""
    values = [kid_of_features(*torch.randn(2, 8, 3, generator=seeded(seed)), seeded())[0] for seed in range(60)]
    means = torch.tensor(values)
    assert abs(means.mean()) < 3 * means.std() / len(values) ** 0.5
    assert 0.25 < (means < 0).float().mean() < 0.8


@pytest.mark.parametrize("strength", [0.01, 1.0, 100.0])
def test_the_scale_of_features_is_not_seen(tmp_path: Path, strength: float) -> None:
    network = load_squeeze(written(tmp_path)[0])
    metric = kid(network)
    assert (metric.name, metric.unit, metric.better) == ("kid", "", "lower")
    pictures = torch.rand(2, 3, 20, 30, generator=seeded()) * 4 - 2
    expected = F.normalize(network(pictures.clamp(-1, 1))[-1].mean(dim=(2, 3)), dim=1) * 512**0.5
    last = network.features[-1]
    for layer in (last.expand1x1, last.expand3x3):
        layer.weight.mul_(strength)
        layer.bias.mul_(strength)
    features = metric.features(pictures)
    torch.testing.assert_close(features, expected)
    assert metric.features(torch.zeros(1, 3, metric.smallest, metric.smallest)).isfinite().all()


def _crops() -> list[Tensor]:
    """Ninety-six crops of photos, in random order."""
    photos = [to_float(builtin.load(name)) for name in builtin.expand("builtin:photos")]
    crops = [
        photo[None, :, top : top + 96, left : left + 96]
        for photo in photos
        for top, left in ((20, 20), (20, 200), (160, 40), (100, 120), (180, 180), (200, 260), (60, 240), (200, 100))
    ]
    return [crops[index] for index in torch.randperm(len(crops), generator=seeded()).tolist()]


@torch.no_grad()
def test_halves_of_photos_are_alike_and_noisy_photos_are_not() -> None:
    metric, random = kid(default_features()), seeded()
    crops = _crops()
    clean = torch.cat([metric.features(crop) for crop in crops])
    noises = [torch.randn(crop.shape, generator=random) * 25 / 127.5 for crop in crops]
    noisy = torch.cat([metric.features(crop + noise) for crop, noise in zip(crops, noises, strict=True)])
    halves, chance = metric.distance(clean[::2], clean[1::2], seeded())
    apart, spread = metric.distance(clean[::2], noisy[1::2], seeded())
    assert abs(halves) < chance < 1, "halves of one set are within noise of 0"
    assert apart > 5 * max(chance, spread), "noise of sigma 25 is far outside"
    assert apart < 16, "(cosine + 1)^3 is 8 at most"
