"""Losses whose gradients are known: two tasks, at their outputs or at parameters that they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from prismgan.balancing import Balancer, Step
from prismgan.balancing.balancer import Losses

WEIGHTS = {"clean": 1.0, "paint": 2.0, "mask": 0.5}


def game() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Losses 0.5 k |output|^2, whose gradient at the output is k output."""
    outputs = {
        "clean": torch.tensor([3.0, 4.0], requires_grad=True),
        "paint": torch.tensor([[0.0, -1.0]], requires_grad=True),
    }
    return {"clean": 0.5 * outputs["clean"].square().sum(), "paint": 500 * outputs["paint"].square().sum()}, outputs


@dataclass
class Shared:
    """Losses head (gradient . shared), with all heads at 1: the shared parameters' gradients are the given ones."""

    gradients: dict[str, list[float]]

    def __post_init__(self) -> None:
        size = len(next(iter(self.gradients.values())))
        self.parameters = nn.Parameter(torch.arange(1.0, size + 1))
        self.unreached = nn.Parameter(torch.ones(3))
        self.heads = {name: nn.Parameter(torch.ones(())) for name in self.gradients}

    def losses(self) -> Losses:
        return {
            name: self.heads[name] * (torch.tensor(gradient) * self.parameters).sum()
            for name, gradient in self.gradients.items()
        }

    def step(self, **changes: Any) -> Step:
        heads = {name: [head] for name, head in self.heads.items()}
        return Step({}, shared=[self.unreached, self.parameters], heads=heads, **changes)

    def play(self, make: Callable[[dict[str, float]], Balancer], **weights: float) -> list[float]:
        """The gradient that a balancer leaves at the shared parameters; omitted weights are 1."""
        balancer = make({name: weights.get(name, 1.0) for name in self.gradients})
        balancer(self.losses(), self.step()).backward()
        assert self.unreached.grad is None
        assert self.parameters.grad is not None
        return self.parameters.grad.tolist()
