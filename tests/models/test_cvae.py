"""The conditional VAE: the terms of its bound, its posterior, and samples of its prior."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from helpers.tiny_models import batch, model_of
from prismgan.models.cvae import CVAE, gaussian_kl

PAIRED = ("clean", "large", "pencil", "mask")


def made(**settings: object) -> CVAE:
    found = model_of("cvae", **settings)
    assert isinstance(found, CVAE)
    return found


def trained(steps: int = 5, **settings: object) -> CVAE:
    model = made(rate=5e-3, **settings)
    for step in range(steps):
        model.step(batch(seed=step))
    return model


def test_a_step_raises_the_bound() -> None:
    """With the balancer ``fixed`` the weighted sum of reconstruction and divergence is minimised."""
    model = trained(free_bits=0.0, kl_weight=0.5, clip=None)
    rows = batch(seed=3)
    before = [parameter.detach().clone() for parameter in model.generator.parameters()]
    log = model.step(rows)
    assert {f"loss/{name}/kl" for name in PAIRED} == {name for name in log if name.endswith("/kl")}
    assert all(float(log[f"loss/{name}/kl"]) > 0 for name in PAIRED)
    gradients = [parameter.grad for parameter in model.generator.parameters()]

    # The same again, written out as in the paper.
    with torch.no_grad():
        for parameter, value in zip(model.generator.parameters(), before, strict=True):
            parameter.copy_(value)
    again = made(free_bits=0.0, kl_weight=0.5, clip=None)
    again.generator.load_state_dict(model.generator.state_dict())
    again.helpers.load_state_dict(trained(free_bits=0.0, kl_weight=0.5, clip=None).helpers.state_dict())
    again.steps_done = model.steps_done - 1
    turn = again.begin(rows)
    encoded = again.generator.encode(rows.source)
    bound = torch.zeros(())
    for name in turn.names:
        prior = q = again.generator.prior_of(encoded, name)
        if name in rows.targets:
            q = again.posterior_of(encoded, name, rows.targets[name])
        z = q.at(again.draw(prior.mean.shape, turn.random))
        output = again.generator.paint(encoded, {name: again.generator.start(encoded, name, z)})[name]
        again.task_losses(rows, {name: output}, turn)
        rate = (gaussian_kl(q, prior).mean(dim=(2, 3)).sum(1) * turn.weights[name]).sum()
        bound = bound + again.tasks[name].weight * (turn.losses[name] + 0.5 * rate)
    bound.backward()
    for expected, found in zip(again.generator.parameters(), gradients, strict=True):
        assert (expected.grad is None) == (found is None)
        if found is not None:
            torch.testing.assert_close(found, expected.grad, atol=1e-5, rtol=1e-4)


def test_a_fresh_posterior_is_its_prior() -> None:
    log = made().step(batch())
    assert all(float(log[f"loss/{name}/kl"]) == 0 for name in PAIRED)


def test_the_target_tells_what_is_inferred_and_not_what_is_rendered() -> None:
    model, rows = trained(), batch()
    with torch.no_grad():
        encoded = model.generator.encode(rows.source)
        inferred, other = (
            model.posterior_of(encoded, "pencil", target).mean
            for target in (rows.targets["pencil"], rows.targets["pencil"].flip(0))
        )
    assert not torch.allclose(inferred, other)
    # Rendering has only sources: the mean of the prior.
    start = model.generator.start(encoded, "pencil", model.generator.prior_of(encoded, "pencil").mean)
    rendered = model.generate(rows.source)["pencil"]
    torch.testing.assert_close(rendered, model.generator.paint(encoded, {"pencil": start})["pencil"].detach())


def channels(*nats: float) -> Tensor:
    return torch.tensor(nats, requires_grad=True)


def test_free_bits_let_a_channel_hold_so_much_at_no_cost() -> None:
    by_channel = channels(0.1, 0.5, 0.2)
    loss = made(free_bits=0.2)._beyond_free(by_channel)
    assert loss.item() == pytest.approx(0.2 + 0.5 + 0.2)
    loss.backward()
    assert by_channel.grad is not None
    assert by_channel.grad.tolist() == [0, 1, 0]


@pytest.mark.slow
@pytest.mark.parametrize(("weight", "least", "most"), [(0.0, 0.3, 1e9), (10.0, 0.0, 0.2)])
def test_the_weight_of_the_divergence_says_how_much_the_latent_holds(weight: float, least: float, most: float) -> None:
    model = trained(60, kl_weight=weight, free_bits=0.0, balancer="normalised")
    nats = float(model.step(batch(seed=99))["loss/pencil/kl"])
    assert least <= nats <= most


def test_a_latent_is_so_many_deviations_from_the_mean_everywhere() -> None:
    model, rows = trained(), batch()
    latent = model.generator.seeded_latent(4)
    with torch.no_grad():
        encoded = model.generator.encode(rows.source)
        prior = model.generator.prior_of(encoded, "paint")
        z = prior.mean + torch.exp(0.5 * prior.log_variance) * latent[..., None, None]
        expected = model.generator.paint(encoded, {"paint": model.generator.start(encoded, "paint", z)})["paint"]
    torch.testing.assert_close(model.generate(rows.source, latent)["paint"], expected)


def test_there_is_no_discriminator_and_the_posterior_is_stored_beside() -> None:
    model = made()
    assert model.discriminator is None
    assert set(model.networks) == {"posterior"}
    assert "adversary" not in model.state()
