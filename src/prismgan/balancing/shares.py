"""Shares: what part each of a task's own losses has of the gradient at the task's output.

Losses have units of their own, and a weight says nothing of what a loss does: an adversarial weight of 0.3 came to 0.4
% of a style's gradient. A share is kept by the gradients' norms at the output, as the balancer ``normalised`` does
between tasks (compare Chen et al., "GradNorm", ICML 2018, which learns such weights at the shared parameters).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

EVERY = 8
"""A loss's norm is measured in one of so many of its task's steps: a backward pass through a feature network each."""
DECAY = 0.8
"""Of the running mean of the measurements."""


class GradientShares(nn.Module):
    """Divides each loss of a task by a running mean of its gradient's norm at the output. ``total`` sums over
    processes.
    """

    def __init__(self, terms: Iterable[str], total: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.total = total
        for term in terms:
            self.register_buffer(f"norm_{term}", torch.zeros(()))
            self.register_buffer(f"count_{term}", torch.zeros((), dtype=torch.int64))

    def forward(
        self, term: str, value: Float[Tensor, ""], output: Float[Tensor, "B 3 H W"]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""] | None]:
        """The loss with a gradient of about norm 1 at ``output``; where it was measured, also the norm that it has
        now."""
        mean, count = self.get_buffer(f"norm_{term}"), self.get_buffer(f"count_{term}")
        measured = None
        if int(count) % EVERY == 0:
            (gradient,) = torch.autograd.grad(value, output, retain_graph=True, allow_unused=True)
            square = value.new_zeros(1) if gradient is None else gradient.float().square().sum()[None]
            norm = self.total(square)[0].sqrt()
            if torch.isfinite(norm) and norm > 0:
                mean.copy_(norm if mean == 0 else DECAY * mean + (1 - DECAY) * norm)
            measured = norm / mean.clamp_min(1e-12)
        count += 1
        return value / mean.clamp_min(1e-12), measured
