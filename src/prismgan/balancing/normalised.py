"""Balancer ``normalised``: every task's gradient at its output has the same norm, times its weight."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.balancing.balancer import Balancer, Losses, Step

__all__ = ["Normalised"]


class Normalised(Balancer):
    """Every task pulls at its output with the same force, times its weight.

    A task's gradient at its own output image is divided by its norm before it enters the network. Style gradients are
    large, and spiky on dark or flat crops: in a plain sum they drown restoration in the shared trunk. After this
    a task's weight says what share of the trunk's gradient it has, whatever the units of its losses. Costs nothing: the
    losses' part of the backward pass comes first either way. Akin to normalising the tasks' gradients at the shared
    features (Liu et al., "IMTL", 2021; Sener & Koltun 2018, section 3.3), one step further out, so that the heads see
    no spikes as well. The figures are in ``docs/log.md``.
    """

    def forward(self, losses: Losses, step: Step) -> Float[Tensor, ""]:
        outputs = step.outputs
        gradients = {
            name: torch.autograd.grad(loss, outputs[name], retain_graph=True)[0] for name, loss in losses.items()
        }
        # Rows are weighted as shares of a mean over processes, and no row is in two of them.
        own = torch.stack([gradient.float().square().sum() for gradient in gradients.values()])
        squares = step.total(own) / step.processes**2
        pulls = []
        for (name, gradient), square in zip(gradients.items(), squares, strict=True):
            scale = self.recipe_weights[name] / square.sqrt().clamp_min(1e-12)
            pull = (outputs[name] * (scale * gradient)).sum()
            # The value of the loss, with the scaled gradient.
            pulls.append(losses[name].detach() + pull - pull.detach())
        return torch.stack(pulls).sum()

    def weights(self) -> dict[str, float]:
        return {}
