"""Gradient penalties of discriminators with known gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from prismgan.losses.objectives import wasserstein_penalty, zero_centred_penalty

REAL = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
FAKE = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
MIX = torch.tensor([0.0, 0.25, 0.5, 1.0], dtype=torch.float64)


@pytest.fixture
def weight() -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(12, generator=generator, dtype=torch.float64).requires_grad_()


def test_r1_of_a_linear_judge_is_half_its_squared_weight(weight: Tensor) -> None:
    penalty = zero_centred_penalty(lambda images: images.flatten(1) @ weight + 3, REAL)
    torch.testing.assert_close(penalty, (0.5 * weight @ weight).expand(4))
    (gradient,) = torch.autograd.grad(penalty.mean(), weight)
    torch.testing.assert_close(gradient, weight)


def test_r1_of_a_quadratic_judge_is_half_the_squared_picture() -> None:
    penalty = zero_centred_penalty(lambda images: 0.5 * images.flatten(1).square().sum(1), REAL)
    torch.testing.assert_close(penalty, 0.5 * REAL.flatten(1).square().sum(1))


def test_wasserstein_penalty_of_a_linear_critic_is_its_norms_distance_from_one(weight: Tensor) -> None:
    penalty = wasserstein_penalty(lambda images: images.flatten(1) @ weight, REAL, FAKE, MIX)
    norm = weight.norm()
    torch.testing.assert_close(penalty, ((norm - 1) ** 2).expand(4))
    (gradient,) = torch.autograd.grad(penalty.mean(), weight)
    torch.testing.assert_close(gradient, 2 * (norm - 1) * weight / norm)


def test_wasserstein_penalty_looks_between_fake_and_real() -> None:
    seen: list[Tensor] = []

    def critic(images: Tensor) -> Tensor:
        seen.append(images.detach())
        return images.flatten(1).sum(1)

    wasserstein_penalty(critic, REAL, FAKE, MIX)
    expected = torch.stack([m * r + (1 - m) * f for m, r, f in zip(MIX, REAL, FAKE, strict=True)])
    torch.testing.assert_close(seen[0], expected)
    torch.testing.assert_close(seen[0][0], FAKE[0])
    torch.testing.assert_close(seen[0][3], REAL[3])


def test_a_flat_critic_has_a_penalty_of_one_and_finite_gradients() -> None:
    weight = torch.zeros(12, dtype=torch.float64, requires_grad=True)
    penalty = wasserstein_penalty(lambda images: images.flatten(1) @ weight, REAL, FAKE, MIX)
    torch.testing.assert_close(penalty, torch.ones(4, dtype=torch.float64), atol=1e-5, rtol=0)
    (gradient,) = torch.autograd.grad(penalty.sum(), weight)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("name", ["r1", "wgan-gp"])
def test_gradients_reach_the_judge_and_not_the_pictures(name: str) -> None:
    torch.manual_seed(0)
    judge = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Softplus(), nn.Linear(8, 1), nn.Flatten(0)).double()
    real, fake = REAL.clone().requires_grad_(), FAKE.clone().requires_grad_()
    penalty = zero_centred_penalty(judge, fake) if name == "r1" else wasserstein_penalty(judge, real, fake, MIX)
    assert penalty.shape == (4,)
    penalty.sum().backward()
    assert judge[1].weight.grad is not None
    assert judge[1].weight.grad.abs().min() > 0
    assert real.grad is None
    assert fake.grad is None


@pytest.mark.parametrize("name", ["r1", "wgan-gp"])
def test_a_penalty_of_a_row_does_not_depend_on_the_others(name: str) -> None:
    def judge(images: Tensor) -> Tensor:
        return images.flatten(1).pow(3).sum(1)

    def penalty(rows: slice) -> Tensor:
        if name == "r1":
            return zero_centred_penalty(judge, REAL[rows])
        return wasserstein_penalty(judge, REAL[rows], FAKE[rows], MIX[rows])

    torch.testing.assert_close(penalty(slice(0, 4))[1:2], penalty(slice(1, 2)))
