"""Muon: orthogonal steps for convolutions, Adam's for the rest, and a state that resumes."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from prismgan.models.muon import RMS, Muon, orthogonal


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("shape", [(12, 27), (64, 64), (48, 9)])
def test_an_orthogonalised_matrix_keeps_its_singular_vectors_and_evens_out_its_singular_values(
    shape: tuple[int, int],
) -> None:
    matrix = torch.randn(shape, generator=seeded())
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    inner = left.T @ orthogonal(matrix) @ right.T
    found = inner.diagonal()
    assert (inner - torch.diag(found)).abs().max() < 1e-4
    assert found[values > 0.02 * values.norm()].min() > 0.6
    assert found.max() < 1.3


def test_a_matrix_of_zeros_stays_zero() -> None:
    assert not orthogonal(torch.zeros(4, 9)).any()


def test_a_first_step_by_hand_and_adam_for_all_but_convolutions() -> None:
    by_muon = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8, 4))
    by_adam = copy.deepcopy(by_muon)
    source = torch.randn(2, 3, 3, 3, generator=seeded())
    for network, kind in ((by_muon, Muon), (by_adam, torch.optim.Adam)):
        optimizer = kind(network.parameters(), lr=0.01)
        network(source).square().mean().backward()
        weight = network[0].weight
        step = orthogonal(weight.grad.flatten(1)).view_as(weight)  # of a first gradient the momentum is a multiple
        expected = weight.detach() - 0.01 * RMS * 27**0.5 * step
        optimizer.step()
        if kind is Muon:
            torch.testing.assert_close(weight.detach(), expected)
    pairs = zip(by_muon.named_parameters(), by_adam.parameters(), strict=True)
    assert [name for (name, one), other in pairs if not torch.equal(one, other)] == ["0.weight"]


def test_a_resumed_optimizer_takes_the_same_steps() -> None:
    network = nn.Conv2d(3, 8, 3)
    source = torch.randn(2, 3, 6, 6, generator=seeded())

    def train(each: nn.Module, optimizer: Muon, steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            (each(source) - 1).square().mean().backward()
            optimizer.step()

    optimizer = Muon(network.parameters(), lr=0.01)
    train(network, optimizer, 2)
    resumed = copy.deepcopy(network)
    continued = Muon(resumed.parameters(), lr=0.01)
    continued.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for each, its in ((network, optimizer), (resumed, continued)):
        train(each, its, 3)
    assert torch.equal(network.weight, resumed.weight)
    assert torch.equal(network.bias, resumed.bias)  # type: ignore[arg-type]
