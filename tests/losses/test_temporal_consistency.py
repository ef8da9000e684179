"""The temporal consistency loss: 0 if outputs move with their source, positive if parts stay on the pixel grid."""

from __future__ import annotations

import torch
from torch import Tensor

from prismgan.losses.variation import Disturbance, temporal_consistency


def picture(rows: int = 2, side: int = 48) -> Tensor:
    return torch.rand(rows, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_every_movement_within_a_cell_is_drawn_but_none() -> None:
    random = torch.Generator().manual_seed(1)
    drawn = [Disturbance.draw(random, 4) for _ in range(400)]
    assert {(each.down, each.right) for each in drawn} == {(y, x) for y in range(4) for x in range(4)} - {(0, 0)}
    assert all(0 <= each.sigma <= 6 for each in drawn)


def test_the_source_moves_up_and_to_the_left() -> None:
    source, random = picture(), torch.Generator().manual_seed(2)
    moved = Disturbance(2, 1, 0.0).apply(source, random)
    assert moved.shape == source.shape
    assert torch.equal(moved[..., :-2, :-1], source[..., 2:, 1:])
    noisy = Disturbance(2, 1, 5.1).apply(source, random)
    assert abs(float((noisy - moved)[moved.abs() < 0.8].std()) - 5.1 / 127.5) < 0.002


def test_only_what_does_not_move_along_flickers() -> None:
    source, disturbance = picture(), Disturbance(3, 2, 0.0)
    moved = disturbance.apply(source, torch.Generator())
    along = temporal_consistency(source.square(), moved.square(), disturbance)
    assert torch.equal(along, torch.zeros(2))
    grid = torch.zeros(48, 48)
    grid[::8] = 1
    anchored = temporal_consistency(source.square() + grid, moved.square() + grid, disturbance)
    assert (anchored > 0.2).all()


def test_an_enlarged_look_moves_as_far_as_it_is_enlarged() -> None:
    source, disturbance = picture(), Disturbance(3, 2, 0.0)
    moved = disturbance.apply(source, torch.Generator())
    enlarged, again = (each.repeat_interleave(2, 2).repeat_interleave(2, 3) for each in (source, moved))
    assert torch.equal(temporal_consistency(enlarged, again, disturbance, scale=2), torch.zeros(2))
    assert (temporal_consistency(enlarged, again, disturbance) > 0.1).all()
