"""The generator without a source, and the classifier used to evaluate it."""

from __future__ import annotations

import pytest
import torch

from prismgan.metrics.learnt import classifier_kid
from prismgan.networks import Classifier, HeadSpec, LatentGenerator, LatentGeneratorConfig

NAMES = ("digit", "outline")


def made(**settings: object) -> LatentGenerator:
    torch.manual_seed(0)
    config = LatentGeneratorConfig.model_validate(
        {"widths": (6, 8), "blocks": (1, 1), "latent": 5, "code": 7, **settings}
    )
    return LatentGenerator(config, [HeadSpec(name) for name in NAMES])


@pytest.mark.parametrize(("widths", "side"), [((8,), 8), ((6, 8), 16), ((4, 6, 8), 32)])
def test_one_image_a_task_of_the_side_that_the_levels_make(widths: tuple[int, ...], side: int) -> None:
    network = made(widths=widths, blocks=(1,) * len(widths))
    outputs = network(network.draw_latent(3))
    assert list(outputs) == list(NAMES)
    assert {tuple(image.shape) for image in outputs.values()} == {(3, 3, side, side)}
    assert network.config.side == side


def test_a_task_asked_for_alone_is_the_same() -> None:
    network = made()
    latent = network.draw_latent(2)
    torch.testing.assert_close(network(latent, ["outline"])["outline"], network(latent)["outline"])


def test_pictures_vary_with_the_latent_from_the_start() -> None:
    network = made(widths=(16, 24, 32), blocks=(1, 1, 1), latent=32, code=64)
    with torch.no_grad():
        outputs = network(network.draw_latent(64, torch.Generator().manual_seed(0)))
    for image in outputs.values():
        assert image.std(dim=0).mean() > image.mean(dim=0).std()


def test_a_tasks_gradient_reaches_its_head_and_what_is_shared() -> None:
    network = made()
    network(network.draw_latent(2))["digit"].square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.own_parameters("digit"))
    assert all(parameter.grad is None for parameter in network.own_parameters("outline"))
    assert all(parameter.grad is not None for parameter in network.shared_parameters())
    counts = network.parameter_counts()
    assert sum(counts.values()) == sum(parameter.numel() for parameter in network.parameters())
    assert counts["digit"] == counts["outline"] < counts["shared"]


def test_seeds_name_latents() -> None:
    network = made()
    assert torch.equal(network.seeded_latent(3), network.seeded_latent(3))
    assert not torch.equal(network.seeded_latent(3), network.seeded_latent(4))


def test_two_heads_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        LatentGenerator(LatentGeneratorConfig(), [HeadSpec("digit"), HeadSpec("digit")])


@pytest.mark.parametrize("side", [8, 32, 45])
def test_the_classifier_takes_small_pictures_of_any_size(side: int) -> None:
    torch.manual_seed(0)
    network = Classifier(4)
    probabilities = network.probabilities(torch.rand(3, 3, side, side) * 2 - 1)
    assert probabilities.shape == (3, 4)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(3))


@torch.no_grad()
def test_kid_by_a_classifier_is_nothing_for_equal_sets_and_does_not_see_its_scale() -> None:
    torch.manual_seed(0)
    metric = classifier_kid(Classifier(4))
    pictures = torch.rand(40, 3, 16, 16) * 2 - 1
    features = metric.features(pictures)
    torch.testing.assert_close(features.norm(dim=1), torch.full((40,), Classifier.FEATURES**0.5))
    same, _ = metric.distance(features, features, torch.Generator().manual_seed(0))
    other, _ = metric.distance(features, metric.features(-pictures.abs()), torch.Generator().manual_seed(0))
    assert same <= 0 < other  # without bias: equal sets share their pictures, and are closer than by chance
