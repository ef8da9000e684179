"""The conditional GANomaly: its losses in a step, and its anomaly score."""

from __future__ import annotations

import pytest
import torch

from helpers.tiny_models import NAMES, batch, model_of, smooth
from prismgan.evaluation.photos import min_max
from prismgan.models.cganomaly import CGANomaly, _mean_matching, absolute_distance, squared_distance


def made(**settings: object) -> CGANomaly:
    found = model_of("cganomaly", **settings)
    assert isinstance(found, CGANomaly)
    return found


def trained(steps: int = 4, **settings: object) -> CGANomaly:
    model = made(rate=5e-3, **settings)
    for step in range(steps):
        model.step(batch(seed=step))
    return model


def test_a_steps_losses_are_the_papers_of_outputs_and_targets() -> None:
    model, rows = trained(), batch(seed=5)
    with torch.no_grad():
        encoded = model.generator.encode(rows.source)
        outputs, z = model.generator.decode(encoded), model.generator.z(encoded)
        again = {name: model._encoded_again(name, output) for name, output in outputs.items()}
    log = model.step(rows)
    rows_of = {name: slice(0, 3) if name == "mask" else slice(None) for name in NAMES}  # the last row has no mask
    for name in NAMES:
        own = rows_of[name]
        torch.testing.assert_close(log[f"loss/{name}/latent"], squared_distance(z[own], again[name][own]).mean())
        if name == "paint":
            assert f"loss/{name}/contextual" not in log
        else:
            expected = absolute_distance(rows.targets[name][own], outputs[name][own]).mean()
            torch.testing.assert_close(log[f"loss/{name}/contextual"], expected)


def test_a_tasks_loss_is_the_weighted_sum_of_its_terms_but_for_the_latents() -> None:
    log = (model := made(contextual_weight=3.0)).step(batch())
    for name, task in model.tasks.items():
        expected = sum(term.weight * log[f"loss/{name}/{term.name}"] for term in task.losses)
        expected = expected + task.adversarial_weight * log[f"loss/{name}/adversarial"]
        expected = expected + 3.0 * log.get(f"loss/{name}/contextual", torch.zeros(()))
        torch.testing.assert_close(log[f"loss/{name}"], expected)


def test_features_are_matched_row_by_row_where_there_are_pairs_and_else_on_the_mean() -> None:
    model, rows = trained(), batch()
    turn = model.begin(rows)
    outputs = model.generate(rows.source)
    fakes = model.adversarial_batch(rows, outputs, turn)
    assert fakes is not None
    model.discriminator.eval()
    found = model._matching(fakes)
    with torch.no_grad():
        real, fake = (fakes.of_task(model.discriminator.features(images)) for images in (fakes.real, fakes.fake))
    torch.testing.assert_close(found["clean"], squared_distance(real["clean"], fake["clean"]).mean())
    torch.testing.assert_close(found["mask"], squared_distance(real["mask"][:3], fake["mask"][:3]).mean())
    means = (maps["paint"].mean(dim=(0, 2, 3)) for maps in (real, fake))
    torch.testing.assert_close(found["paint"], (next(means) - next(means)).square().mean())


def test_matching_of_means_has_the_gradient_of_its_value() -> None:
    generator = torch.Generator().manual_seed(0)
    real, fake = torch.randn(2, 4, 3, 2, 2, generator=generator, dtype=torch.float64)
    weight = torch.tensor([0.5, 0.25, 0.25, 0.0], dtype=torch.float64)
    fake.requires_grad_()
    (found,) = torch.autograd.grad(_mean_matching(real, fake, weight), fake)
    by_hand = ((fake - real).mean(dim=(2, 3)) * weight[:, None]).sum(0).square().mean()
    (expected,) = torch.autograd.grad(by_hand, fake)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(_mean_matching(real, fake, weight), by_hand)


def test_the_generators_losses_leave_the_discriminator_alone() -> None:
    model = made()
    model.step(batch())
    before = [parameter.detach().clone() for parameter in model.discriminator.parameters()]
    model.adversary.optimizer.zero_grad(set_to_none=True)
    fakes = model.adversarial_batch(batch(), model.generator(batch().source), model.begin(batch()))
    assert fakes is not None
    torch.stack(list(model._matching(fakes).values())).sum().backward()
    assert all(parameter.grad is None for parameter in model.discriminator.parameters())
    assert all(parameter.requires_grad for parameter in model.discriminator.parameters())
    assert all(torch.equal(*pair) for pair in zip(before, model.discriminator.parameters(), strict=True))


def test_the_second_encoder_learns_to_find_the_latent_again() -> None:
    model = made(rate=5e-3)
    first = model.step(batch())
    for _ in range(20):
        last = model.step(batch())
    for name in NAMES:
        assert float(last[f"loss/{name}/latent"]) < 0.25 * float(first[f"loss/{name}/latent"])


def test_the_score_is_the_papers_mean_over_tasks_for_every_picture_by_itself() -> None:
    model, rows = trained(), batch()
    found = model.anomaly_score(rows.source)
    with torch.no_grad():
        z = model.generator.z(model.generator.encode(rows.source))
        outputs = model.generate(rows.source)
        by_task = [absolute_distance(z, model._encoded_again(name, output)) for name, output in outputs.items()]
    torch.testing.assert_close(found, torch.stack(by_task).mean(0))
    torch.testing.assert_close(model.anomaly_score(rows.source[1:2]), found[1:2])


@pytest.mark.slow
def test_pictures_that_are_unlike_those_of_the_training_score_higher() -> None:
    """Saturated colours side by side, after soft ones. (Not every unlike picture has a high score: noise has not.)"""
    model = trained(150)
    usual = torch.cat([batch(seed=seed).source for seed in range(200, 206)])
    corners = torch.rand(4, 3, 4, 4, generator=torch.Generator().manual_seed(0)).round() * 2 - 1
    unusual = corners.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
    assert float(model.anomaly_score(unusual).min()) > float(model.anomaly_score(usual).max())


def test_scores_of_a_set_are_scaled_to_its_range() -> None:
    assert min_max(torch.tensor([2.0, 4.0, 3.0])).tolist() == [0, 1, 0.5]
    assert min_max(torch.tensor([2.0, 2.0])).tolist() == [0, 0]
    assert min_max(torch.tensor([])).tolist() == []


@pytest.mark.parametrize("kind", ["prism", "cvae", "cwgan"])
def test_other_kinds_have_no_score(kind: str) -> None:
    assert model_of(kind).anomaly_score(smooth(1, 16, 0)) is None
