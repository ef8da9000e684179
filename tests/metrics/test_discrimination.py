"""Discriminator metrics, by hand."""

from __future__ import annotations

import torch

from prismgan.metrics import real_or_fake, right_task


def test_pictures_are_right_on_their_side_of_the_boundary() -> None:
    real, fake = torch.tensor([0.6, 0.5, -1.0]), torch.tensor([0.4, 0.5, 2.0])
    right_real, right_fake = real_or_fake(real, fake, 0.5)
    assert right_real.tolist() == [1, 0, 0]
    assert right_fake.tolist() == [1, 0, 0]


def test_without_a_boundary_a_pair_is_right_if_the_real_one_is_ahead() -> None:
    right_real, right_fake = real_or_fake(torch.tensor([-3.0, 1.0, 2.0]), torch.tensor([-4.0, 1.0, 5.0]), None)
    assert right_real.tolist() == right_fake.tolist() == [1, 0, 0]


def test_the_task_is_the_largest_logit() -> None:
    logits = torch.tensor([[0.1, 2.0], [3.0, -1.0], [0.0, 1.0]])
    assert right_task(logits, torch.tensor([1, 0, 0])).tolist() == [1, 1, 0]
