"""Exponential moving average of a network's weights: what is rendered with, steadier than any one step's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["Average"]


class Average:
    """The average of a network's parameters (Polyak & Juditsky 1992; as in Karras et al. 2018)."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = network
        self.decay = decay
        self.average = {name: value.detach().clone() for name, value in network.named_parameters()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the network as it is after ``step``; early on the average forgets faster."""
        decay = min(self.decay, (1 + step) / (10 + step))
        current = [value.detach() for _, value in self.network.named_parameters()]
        torch._foreach_lerp_(list(self.average.values()), current, 1 - decay)

    def weights(self) -> dict[str, Tensor]:
        """The network's state dict with averaged parameters."""
        return {**self.network.state_dict(), **self.average}

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The network has the averaged parameters inside the ``with`` block."""
        own = {name: value.detach().clone() for name, value in self.network.named_parameters()}
        self._fill(self.average)
        try:
            yield
        finally:
            self._fill(own)

    @torch.no_grad()
    def _fill(self, values: Mapping[str, Tensor]) -> None:
        for name, parameter in self.network.named_parameters():
            parameter.copy_(values[name])

    def state(self) -> dict[str, Tensor]:
        """The averaged parameters."""
        return self.average

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a :meth:`state`."""
        for name, value in state.items():
            self.average[name].copy_(value)
