"""The conditional WGAN: its critic's updates, and that the penalty makes the critic about 1-Lipschitz."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from helpers.tiny_models import batch, model_of
from prismgan.models import AdversarialBatch, Adversary, AdversaryConfig
from prismgan.models.cwgan import CWGAN, CriticConfig, CWGANConfig
from prismgan.models.step import StepContext


def made(**settings: Any) -> CWGAN:
    found = model_of("cwgan", **settings)
    assert isinstance(found, CWGAN)
    return found


@pytest.mark.parametrize("steps", [1, 3])
def test_the_critic_is_updated_so_often_for_each_of_the_generators_steps(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = made(critic={"discriminator": {"width": 8, "levels": 2}, "steps": steps})
    order: list[str] = []
    for name, optimizer in (("critic", model.adversary.optimizer), ("generator", model.optimizer)):
        step = optimizer.step

        def counted(name: str = name, step: Any = step) -> None:
            order.append(name)
            step()

        monkeypatch.setattr(optimizer, "step", counted)
    model.step(batch())
    assert order == ["critic"] * steps + ["generator"]


def test_every_update_looks_elsewhere_between_real_and_fake(monkeypatch: pytest.MonkeyPatch) -> None:
    model = made()
    mixes: list[Tensor] = []
    rand = torch.rand

    def seen(*arguments: Any, **settings: Any) -> Tensor:
        mixes.append(rand(*arguments, **settings))
        return mixes[-1]

    monkeypatch.setattr(torch, "rand", seen)
    model.step(batch())
    first, second = (mix for mix in mixes if mix.shape == (5, 4))  # of every task and row
    assert not torch.equal(first, second)


def test_the_generator_is_told_by_the_critic_as_it_is_after_its_updates() -> None:
    model, rows = made(), batch()
    log = model.step(rows)
    random = made()
    fakes = random.adversarial_batch(rows, random.generate(rows.source), random.begin(rows))
    assert fakes is not None
    # Before its step the generator gave the same outputs, because no task varies with z.
    with torch.no_grad():
        logit = fakes.of_task(model.discriminator(fakes.fake, fakes.task_index).logit)["clean"]
    torch.testing.assert_close(log["loss/clean/adversarial"], -logit.mean())


def test_it_is_the_papers_game_under_the_names_of_a_critic() -> None:
    game = CWGANConfig(critic=CriticConfig(rate=3e-4, penalty_weight=7.0)).opponent
    assert (game.objective, game.penalty, game.stages) == ("wasserstein", None, "two")
    assert (game.rate, game.penalty_weight, game.classification_weight) == (3e-4, 7.0, 0)
    adversary = made().adversary
    assert (adversary.penalty, adversary.penalty_every) == ("wgan-gp", 1)
    assert not adversary.discriminator.config.spectral_norm


def points(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Dark and bright pictures, two distributions with a known distance: (count, 3, 16, 16) each."""
    noise = 0.1 * torch.randn(2, count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))
    return noise[0] - 0.1, noise[1] + 0.1


@pytest.mark.parametrize("penalty_weight", [10.0, 100.0])
def test_a_trained_critic_is_as_steep_as_the_penalty_lets_it_be_and_finds_the_distance(penalty_weight: float) -> None:
    """Two clouds of pictures, one the other shifted by 0.2 in every number: their Wasserstein distance D is the shift's
    length, 0.2 sqrt(768) = 5.5. A critic of slope n along the shift has the loss -n D + weight (n - 1)^2, which is
    least at n = 1 + D / (2 weight), nearly 1-Lipschitz."""
    distance = 0.2 * 768**0.5
    slope = 1 + distance / (2 * penalty_weight)
    torch.manual_seed(0)
    config = AdversaryConfig.model_validate(
        {
            "objective": "wasserstein",
            "stages": "two",
            "discriminator": {"width": 8, "levels": 2},
            "penalty_weight": penalty_weight,
            "rate": 3e-3,
            "clip": None,
            "classification_weight": 0,
        }
    )
    adversary = Adversary(config, ["only"], "cpu", torch.autocast("cpu", enabled=False))
    random = torch.Generator().manual_seed(0)
    context = StepContext(["only"], {}, random)
    index, weight = torch.zeros(16, dtype=torch.int64), torch.full((16,), 1 / 16)
    for step in range(300):
        adversary.optimizer.param_groups[0]["lr"] = 3e-3 * (1 - step / 300)
        real, fake = points(16, step)
        adversary.update_discriminator(AdversarialBatch(["only"], fake, real, index, weight), step, context)

    real, fake = points(16, 9999)
    position = torch.rand(16, 1, 1, 1, generator=random)
    between = (position * real + (1 - position) * fake).requires_grad_()
    logits = adversary.discriminator(between, index).logit
    (gradient,) = torch.autograd.grad(logits.sum(), between)
    norms = gradient.flatten(1).norm(dim=1)
    assert float(norms.mean()) == pytest.approx(slope, abs=0.03)
    assert float(norms.std()) < 0.03

    with torch.no_grad():
        found = adversary.discriminator(real, index).logit.mean() - adversary.discriminator(fake, index).logit.mean()
        assert float(found) == pytest.approx(slope * distance, rel=0.1)
        # On the line between them no two points' logits are farther apart.
        steps = torch.linspace(0, 1, 9).view(-1, 1, 1, 1)
        line = torch.lerp(fake[:1], real[:1], steps)
        climb = adversary.discriminator(line, index[:9]).logit.diff()
        assert float(climb.max()) < 1.05 * slope * float((line[1] - line[0]).norm())


def test_without_the_penalty_a_critic_is_not_lipschitz() -> None:
    """The previous test would detect it."""
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Flatten(), nn.Linear(768, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(critic.parameters(), lr=3e-3)
    for step in range(100):
        real, fake = points(16, step)
        optimizer.zero_grad()
        (critic(fake).mean() - critic(real).mean()).backward()
        optimizer.step()
    image = points(1, 0)[0].requires_grad_()
    (gradient,) = torch.autograd.grad(critic(image).sum(), image)
    assert float(gradient.norm()) > 2
