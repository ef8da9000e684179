"""Balancing: one scalar loss per task in, one loss to minimise out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["BALANCERS", "Balancer", "BalancerName", "Fixed", "Normalised", "Uncertainty"]

BalancerName = Literal["normalised", "fixed", "uncertainty"]

Losses = Mapping[str, Float[Tensor, ""]]
Outputs = Mapping[str, Float[Tensor, "*shape"]]
WholeBatch = Callable[[Float[Tensor, " K"]], Float[Tensor, " K"]]
"""From squared gradient norms over this process's rows to those over the rows of all processes."""


class Balancer(nn.Module):
    """Called with the losses of the tasks drawn in a step, and the generator's outputs that they are of.

    Args:
        weights: the recipe's weight of every task.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.recipe_weights = dict(weights)

    def forward(self, losses: Losses, outputs: Outputs, whole_batch: WholeBatch) -> Float[Tensor, ""]:
        raise NotImplementedError

    def weights(self) -> dict[str, float]:
        """Weights that the balancer has learnt, for the log."""
        return {}


class Fixed(Balancer):
    """The recipe's weights and nothing else: the weighted sum."""

    def forward(self, losses: Losses, outputs: Outputs, whole_batch: WholeBatch) -> Float[Tensor, ""]:
        return torch.stack([self.recipe_weights[name] * loss for name, loss in losses.items()]).sum()


class Uncertainty(Balancer):
    """Weights learnt as homoscedastic uncertainty: sum of exp(-s) w L + s with one s a task.

    Kendall, Gal, Cipolla, "Multi-task learning using uncertainty" (2018), eq. 7 with s = log sigma^2; the factors of
    one half are dropped, which changes the weights by a constant. Tasks absent from a step get no update.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__(weights)
        self.log_variance = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in weights})

    def forward(self, losses: Losses, outputs: Outputs, whole_batch: WholeBatch) -> Float[Tensor, ""]:
        terms = []
        for name, loss in losses.items():
            spread = self.log_variance[name]
            terms.append(torch.exp(-spread) * self.recipe_weights[name] * loss + spread)
        return torch.stack(terms).sum()

    def weights(self) -> dict[str, float]:
        return {name: float(torch.exp(-spread.detach())) for name, spread in self.log_variance.items()}


class Normalised(Balancer):
    """Every task pulls at its output with the same force, times its weight.

    A task's gradient at its own output image is divided by its norm before it enters the network. Style gradients are
    large, and spiky on dark or flat crops: in a plain sum they drown restoration in the shared trunk. After this
    a task's weight says what share of the trunk's gradient it has, whatever the units of its losses. Costs nothing: the
    losses' part of the backward pass comes first either way. Akin to normalising the tasks' gradients at the shared
    features (Liu et al., "IMTL", 2021; Sener & Koltun 2018, section 3.3), one step further out, so that the heads see
    no spikes as well. The figures are in ``docs/log.md``.
    """

    def forward(self, losses: Losses, outputs: Outputs, whole_batch: WholeBatch) -> Float[Tensor, ""]:
        gradients = {
            name: torch.autograd.grad(loss, outputs[name], retain_graph=True)[0] for name, loss in losses.items()
        }
        squares = whole_batch(torch.stack([g.float().square().sum() for g in gradients.values()]))
        pulls = []
        for (name, gradient), square in zip(gradients.items(), squares, strict=True):
            scale = self.recipe_weights[name] / square.sqrt().clamp_min(1e-12)
            pull = (outputs[name] * (scale * gradient)).sum()
            # The value of the loss, with the scaled gradient.
            pulls.append(losses[name].detach() + pull - pull.detach())
        return torch.stack(pulls).sum()


BALANCERS: dict[BalancerName, type[Balancer]] = {
    "normalised": Normalised,
    "fixed": Fixed,
    "uncertainty": Uncertainty,
}
