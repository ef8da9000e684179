"""Balancer ``dwa``: more weight for the tasks whose losses fall slowest."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from prismgan.balancing.balancer import Balancer, Losses, Step, weighted_sum

TEMPERATURE = 2.0
"""How evenly weight is spread: the paper's T."""
WINDOW = 100
"""Steps whose losses are averaged. The paper averages over epochs, which an endless stream of crops has none of."""


class DynamicWeightAverage(Balancer):
    """Weights that follow the pace of the losses: K softmax(r / T), r_k = L_k(t - 1) / L_k(t - 2).

    Liu, Johns, Davison, "End-to-end multi-task learning with attention" (CVPR 2019), eq. 7: L_k(t) is task k's mean
    loss in window t, and the K weights sum to K. They multiply the recipe's. The losses that are compared are those of
    the whole batch, so all processes find the same weights.

    Deviations: a window is :data:`WINDOW` steps; a task that was not drawn in a window keeps the ratio that it had; and
    r is 1, as in the paper's first two windows, where one of the two means is not positive (an adversarial
    loss may be negative), since a ratio then says nothing about pace.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__(weights)
        self.curves = nn.ModuleDict({name: _Curve() for name in weights})
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.steps: Tensor

    def forward(self, losses: Losses, step: Step) -> Float[Tensor, ""]:
        given = dict(zip(self.curves, self._factors(), strict=True))
        scaled = {name: given[name] * loss for name, loss in losses.items()}
        self._record(dict(zip(losses, step.mean(torch.stack([*losses.values()]).detach()), strict=True)))
        return weighted_sum(scaled, self.recipe_weights)

    def weights(self) -> dict[str, float]:
        return dict(zip(self.curves, self._factors().tolist(), strict=True))

    def _factors(self) -> Float[Tensor, " K"]:
        """The softmax of the loss ratios of the last two windows, times K."""
        ratios = torch.stack([curve.ratio() for curve in self._curves().values()])
        return len(ratios) * torch.softmax(ratios / TEMPERATURE, dim=0)

    def _record(self, losses: Mapping[str, Float[Tensor, ""]]) -> None:
        curves = self._curves()
        for name, loss in losses.items():
            curves[name].add(loss)
        self.steps += 1
        if int(self.steps) >= WINDOW:
            self.steps.zero_()
            for curve in curves.values():
                curve.close()

    def _curves(self) -> dict[str, _Curve]:
        return {name: curve for name, curve in self.curves.items() if isinstance(curve, _Curve)}


class _Curve(nn.Module):
    """Mean losses of one task: of the window that runs, and of the last two. All buffers, so checkpoints hold them."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("running", "count", "last", "before"):
            self.register_buffer(name, torch.zeros(()))
        self.running: Tensor
        self.count: Tensor
        self.last: Tensor
        self.before: Tensor

    def add(self, loss: Float[Tensor, ""]) -> None:
        """A step's loss; one that is not finite belongs to a step that is skipped."""
        finite = loss.isfinite()
        self.running += torch.where(finite, loss, 0.0)
        self.count += finite

    def close(self) -> None:
        """The window is over."""
        seen = self.count > 0
        mean = self.running / self.count.clamp_min(1)
        self.before.copy_(torch.where(seen, self.last, self.before))
        self.last.copy_(torch.where(seen, mean, self.last))
        self.running.zero_()
        self.count.zero_()

    def ratio(self) -> Float[Tensor, ""]:
        """How much of the loss was left over after a window."""
        known = (self.last > 0) & (self.before > 0)
        return torch.where(known, self.last / torch.where(known, self.before, 1.0), 1.0)
