"""Every objective, with its default regularisation, plays a game with a known result.

Real points are drawn from a shifted, correlated Gaussian in the plane; a small network learns to draw such points
from noise. Points are pictures of two channels and one pixel, so that the package's penalties can be used.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from prismgan.losses.objectives import OBJECTIVES, ObjectiveName, wasserstein_penalty, zero_centred_penalty

MEAN = torch.tensor([1.5, -1.0])
FACTOR = torch.tensor([[0.8, 0.0], [0.5, 0.4]])
COVARIANCE = FACTOR @ FACTOR.T  # (0.64, 0.40; 0.40, 0.41)
STEPS, ROWS = 800, 96
RATES = 2e-3, 1e-2  # of generator and discriminator
CRITIC_UPDATES = 3
"""Critic updates per generator update of Wasserstein's game; with one, the two circle each other."""
PENALTY_WEIGHT = 1.0
"""Wasserstein's 10 is for pictures; in two dimensions it keeps the critic from following the generator."""
TOLERANCE = 0.15
"""Largest error of any entry of mean and covariance. The initial errors are about 1.5 and 0.6."""


def perceptron(inputs: int, outputs: int, *, spectral: bool = False) -> nn.Sequential:
    wrap = spectral_norm if spectral else (lambda layer: layer)
    widths = [inputs, 32, 32, outputs]
    layers = [wrap(nn.Linear(a, b)) for a, b in pairwise(widths)]
    return nn.Sequential(layers[0], nn.LeakyReLU(0.2), layers[1], nn.LeakyReLU(0.2), layers[2])


def learn(name: ObjectiveName) -> Tensor:
    """Points (N, 2) drawn by the generator at the end of the game."""
    torch.manual_seed(0)
    objective = OBJECTIVES[name]
    generator = perceptron(4, 2)
    # As in the package: spectral normalisation if the objective has no penalty.
    network = perceptron(2, 1, spectral=objective.penalty == "none")

    def judge(points: Tensor) -> Tensor:
        return network(points.flatten(1))[:, 0]

    # An average of the last weights, because the players circle each other.
    steady = AveragedModel(generator, multi_avg_fn=get_ema_multi_avg_fn(0.99))
    players = [torch.optim.Adam(player.parameters(), betas=(0.0, 0.9), fused=True) for player in (generator, network)]

    def draw_real() -> Tensor:
        return (MEAN + torch.randn(ROWS, 2) @ FACTOR.T)[..., None, None]

    def draw_fake() -> Tensor:
        return generator(torch.randn(ROWS, 4))[..., None, None]

    def penalty(real: Tensor, fake: Tensor) -> Tensor:
        if objective.penalty == "wgan-gp":
            return wasserstein_penalty(judge, real, fake, torch.rand(ROWS))
        return zero_centred_penalty(judge, real) + zero_centred_penalty(judge, fake)

    for step in range(STEPS):
        for player, rate in zip(players, RATES, strict=True):
            player.param_groups[0]["lr"] = rate * (1 - step / STEPS)
        for _ in range(CRITIC_UPDATES if name == "wasserstein" else 1):
            real, fake = draw_real(), draw_fake()
            loss = objective.discriminator(*judge(torch.cat([real, fake.detach()])).chunk(2))
            if objective.penalty != "none":
                loss = loss + PENALTY_WEIGHT * penalty(real, fake)
            players[1].zero_grad()
            loss.mean().backward()
            players[1].step()

        network.requires_grad_(False)
        loss = objective.generator(*judge(torch.cat([real, fake])).chunk(2))
        players[0].zero_grad()
        loss.mean().backward()
        network.requires_grad_(True)
        players[0].step()
        steady.update_parameters(generator)
    with torch.no_grad():
        return steady(torch.randn(20_000, 4))


@pytest.mark.slow
@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_generator_learns_the_distribution(name: ObjectiveName) -> None:
    points = learn(name)
    torch.testing.assert_close(points.mean(0), MEAN, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(points.T.cov(), COVARIANCE, atol=TOLERANCE, rtol=0)
