from __future__ import annotations

import pytest
import torch

from prismgan.metrics import accuracy_fake, accuracy_real, pairwise_accuracy, task_accuracy


def test_signs_of_single_logits() -> None:
    logits = torch.tensor([2.0, -1.0, 0.0])
    assert accuracy_real(logits).tolist() == [1.0, 0.0, 0.0]
    assert accuracy_fake(logits).tolist() == [0.0, 1.0, 0.0]


def test_share_of_patches() -> None:
    logits = torch.tensor([[[[1.0, 2.0], [3.0, -1.0]]], [[[-1.0, -1.0], [-1.0, 5.0]]]])
    assert accuracy_real(logits).tolist() == [0.75, 0.25]
    assert accuracy_fake(logits).tolist() == [0.25, 0.75]


def test_pairs_by_hand() -> None:
    # 1 > 0, 1 = 1 (half), 3 > 0, 3 > 1: 3.5 of 4.
    assert pairwise_accuracy(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 1.0])).item() == 0.875


def test_pairs_ignore_a_common_shift_and_monotone_scale() -> None:
    generator = torch.Generator().manual_seed(0)
    real, fake = torch.randn(9, generator=generator), torch.randn(7, generator=generator)
    expected = pairwise_accuracy(real, fake)
    assert torch.equal(pairwise_accuracy(real * 3 - 100, fake * 3 - 100), expected)
    assert pairwise_accuracy(fake, real).item() == pytest.approx(1 - expected.item(), abs=1e-6)


def test_pairs_of_patches_compare_means_also_of_different_sizes() -> None:
    real = torch.tensor([[[[3.0, -1.0]]]])
    fake = torch.tensor([[[[0.5, 0.5], [0.5, 0.5]]], [[[2.0, 2.0], [2.0, 2.0]]]])
    assert pairwise_accuracy(real, fake).item() == 0.5


def test_pairs_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="found 2 and 0"):
        pairwise_accuracy(torch.zeros(2), torch.zeros(0))


def test_largest_task_logit() -> None:
    logits = torch.tensor([[0.1, 0.9, 0.0], [2.0, 1.0, 0.0]])
    assert task_accuracy(logits, torch.tensor([1, 2])).tolist() == [1.0, 0.0]
