"""The discriminator's accuracies, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from prismgan.losses.objectives import ObjectiveName
from prismgan.models import Adversary, AdversaryConfig
from prismgan.networks import DiscriminatorConfig, Judgement


def accuracies(objective: ObjectiveName, real: list[float], fake: list[float]) -> dict[str, Tensor]:
    config = AdversaryConfig(discriminator=DiscriminatorConfig(width=4, levels=2), objective=objective)
    made = Adversary(config, ("clean", "paint"), "cpu", torch.autocast("cpu", enabled=False))
    tasks = torch.tensor([[0.1, 2.0], [3.0, -1.0], [0.0, 1.0]])
    return made._accuracies(
        Judgement(torch.zeros(6, 1, 1, 1), torch.tensor([*real, *fake]), tasks), torch.tensor([1, 0, 0])
    )


def test_pictures_are_right_on_their_side_of_the_boundary() -> None:
    found = accuracies("least_squares", [0.6, 0.5, -1.0], [0.4, 0.5, 2.0])
    assert found["accuracy_real"].tolist() == [1, 0, 0]
    assert found["accuracy_fake"].tolist() == [1, 0, 0]


@pytest.mark.parametrize("objective", ["wasserstein", "relativistic"])
def test_without_a_boundary_a_pair_is_right_if_the_real_one_is_ahead(objective: ObjectiveName) -> None:
    found = accuracies(objective, [-3.0, 1.0, 2.0], [-4.0, 1.0, 5.0])
    assert found["accuracy_real"].tolist() == found["accuracy_fake"].tolist() == [1, 0, 0]


def test_the_task_is_the_largest_logit() -> None:
    assert accuracies("hinge", [0.0] * 3, [0.0] * 3)["accuracy_task"].tolist() == [1, 1, 0]
