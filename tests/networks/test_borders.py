"""Borders: equal to torch's, in the maps' own precision under autocast."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from prismgan.networks.blocks import BorderedConv2d, bordered, convolution, enlarged

MODES = ["replicate", "reflect"]


@pytest.mark.parametrize("mode", MODES)
@torch.no_grad()
def test_a_bordered_convolution_is_torchs(mode: str) -> None:
    torch.manual_seed(0)
    theirs = nn.Conv2d(3, 5, 3, padding=1, padding_mode=mode)
    ours = BorderedConv2d(3, 5, 3, padding=1, padding_mode=mode)
    ours.load_state_dict(theirs.state_dict())
    maps = torch.randn(2, 3, 6, 7)
    assert torch.equal(ours(maps), theirs(maps))


def test_nothing_leaves_the_precision_that_maps_come_in() -> None:
    maps = torch.randn(1, 4, 6, 6, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        assert bordered(maps, 2).dtype == enlarged(maps, 2).dtype == torch.bfloat16
        assert convolution(4, 4)(maps.float()).dtype == torch.bfloat16


def test_gradients_are_those_of_padding_and_enlargement() -> None:
    maps = torch.randn(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    for ours, theirs in (
        (bordered(maps, 2), F.pad(maps, (2,) * 4, mode="replicate")),
        (enlarged(maps, 2), F.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)),
    ):
        pull = torch.randn_like(ours)
        found, expected = (torch.autograd.grad((image * pull).sum(), maps)[0] for image in (ours, theirs))
        torch.testing.assert_close(found, expected)
