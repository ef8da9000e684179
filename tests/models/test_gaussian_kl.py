"""The divergence of normal distributions, compared with hand-computed values and torch's."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from prismgan.models.cvae import gaussian_kl
from prismgan.networks.comparison import LIMIT, Gaussian


def gaussian(mean: float, variance: float) -> Gaussian:
    return Gaussian(torch.full((1, 1, 1, 1), mean), torch.full((1, 1, 1, 1), math.log(variance)))


@pytest.mark.parametrize(
    ("first", "second", "nats"),
    [
        (gaussian(0, 1), gaussian(0, 1), 0.0),
        (gaussian(1, 1), gaussian(0, 1), 0.5),  # mean^2 / 2
        (gaussian(0, 4), gaussian(0, 1), 0.5 * (4 - 1 - math.log(4))),
        (gaussian(0, 1), gaussian(0, 4), 0.5 * (math.log(4) + 1 / 4 - 1)),
        (gaussian(3, 2), gaussian(1, 8), 0.5 * (math.log(4) + (2 + 4) / 8 - 1)),
    ],
)
def test_known_gaussians(first: Gaussian, second: Gaussian, nats: float) -> None:
    assert gaussian_kl(first, second).shape == (1, 1, 1, 1)
    assert float(gaussian_kl(first, second)) == pytest.approx(nats, abs=1e-6)


def random_gaussian(seed: int) -> Gaussian:
    generator = torch.Generator().manual_seed(seed)
    mean, log_variance = torch.randn(2, 3, 4, 2, 5, generator=generator, dtype=torch.float64)
    return Gaussian(mean, log_variance)


def test_it_is_torchs_for_every_channel_and_position() -> None:
    first, second = random_gaussian(0), random_gaussian(1)

    def normal(of: Gaussian) -> Normal:
        return Normal(of.mean, torch.exp(0.5 * of.log_variance))

    torch.testing.assert_close(gaussian_kl(first, second), kl_divergence(normal(first), normal(second)))


def test_its_gradient_is_right() -> None:
    def divergence(*parts: Tensor) -> Tensor:
        return gaussian_kl(Gaussian(*parts[:2]), Gaussian(*parts[2:]))

    parts = [part.requires_grad_() for made in (random_gaussian(0), random_gaussian(1)) for part in made]
    assert torch.autograd.gradcheck(divergence, parts)


def test_a_gaussian_of_a_networks_output_is_never_so_narrow_or_wide_that_a_quotient_is_lost() -> None:
    far = torch.tensor([[5.0, -5.0, 1e4, -1e4]]).view(1, 4, 1, 1)
    made = Gaussian.of(far)
    assert made.mean.flatten().tolist() == [5, -5]
    assert made.log_variance.flatten().tolist() == [LIMIT, -LIMIT]
    assert gaussian_kl(made, Gaussian(made.mean, -made.log_variance)).isfinite().all()


def test_the_point_of_a_noise_is_so_many_deviations_from_the_mean() -> None:
    made = gaussian(2, 9)
    noise = torch.tensor([-1.0, 0.0, 2.0]).view(3, 1, 1, 1)
    assert made.at(noise).flatten().tolist() == pytest.approx([-1, 2, 8])
