"""Balancers that combine the tasks' gradients where tasks meet: at the parameters that all of them share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.balancing.balancer import Balancer, Losses, Step, weighted_sum
from prismgan.packages import require

__all__ = ["Aggregated", "of_weighted"]


class Aggregated(Balancer):
    """The shared parameters get a combination of the tasks' gradients, each head its own task's, times its weight.

    The K tasks' gradients g_k with respect to the P shared parameters are the rows of a matrix J, over the rows of all
    processes. A method sees the Gramian J J^T, which all gradients' lengths and angles are in, and answers
    with K coefficients c; the shared parameters' gradient is c J. The methods are torchjd's (Quinton & Rey, "Jacobian
    descent for multi-objective optimization", 2024).

    It costs a backward pass through the trunk for each task, and with several processes a message of K P numbers. A
    task whose weight is 0 takes no part: to the methods its gradient, zero, would be one that must not be hurt. Where
    nothing that is shared learns (``model.frozen``), there is nothing to combine, and heads learn as ever.

    Raises:
        PrismganError: torchjd is not installed.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__(weights)
        require(f"model.balancer: {type(self).__name__}", "balancing", "torchjd")
        self._last: dict[str, float] = {}

    @abstractmethod
    def coefficients(
        self, gramian: Float[Tensor, "K K"], weights: Float[Tensor, " K"], random: torch.Generator
    ) -> Float[Tensor, " K"]:
        """Factors of the tasks' gradients.

        Args:
            gramian: inner products of the unweighted gradients, on the CPU, finite, in float64: norms of tasks differ
                by thousands, and their squares by more than float32 has digits.
            weights: the recipe's, all above 0.
            random: for methods that draw.
        """

    def forward(self, losses: Losses, step: Step) -> Float[Tensor, ""]:
        names = [name for name in losses if self.recipe_weights[name] > 0]
        shared = [parameter for parameter in step.shared if parameter.requires_grad]
        total = weighted_sum(losses, self.recipe_weights)
        if not names or not shared:
            return total
        rows, pulls = [], []
        reached = [False] * len(shared)
        for name in names:
            own = [parameter for parameter in step.heads[name] if parameter.requires_grad]
            found = torch.autograd.grad(losses[name], [*shared, *own], retain_graph=True, allow_unused=True)
            for parameter, gradient in zip(own, found[len(shared) :], strict=True):
                if gradient is not None:
                    pulls.append((parameter * (self.recipe_weights[name] * gradient)).sum())
            reached = [already or new is not None for already, new in zip(reached, found, strict=False)]
            pieces = zip(shared, found, strict=False)
            rows.append(torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for p, g in pieces]))
        jacobian = step.mean(torch.stack(rows))
        combined = (self._chosen(names, jacobian, step.random) @ jacobian).split([p.numel() for p in shared])
        for parameter, gradient, known in zip(shared, combined, reached, strict=True):
            if known:  # what no task reaches has no gradient, and the optimizer leaves it alone
                pulls.append((parameter * gradient.view_as(parameter)).sum())
        pull = torch.stack(pulls).sum()
        # The value of the sum, with the gradients found above.
        return total.detach() + pull - pull.detach()

    def weights(self) -> dict[str, float]:
        """The last step's coefficients at the shared parameters, relative to the recipe's weights."""
        return dict(self._last)

    def _chosen(self, names: list[str], jacobian: Float[Tensor, "K P"], random: torch.Generator) -> Float[Tensor, " K"]:
        """Coefficients of a step's gradients; not a number where a gradient is none, so that the step is skipped."""
        weights = torch.tensor([self.recipe_weights[name] for name in names], dtype=torch.float64)
        precise = jacobian.double()
        gramian = (precise @ precise.T).cpu()
        found = torch.full_like(weights, torch.nan)
        if gramian.isfinite().all():
            found = self.coefficients(gramian, weights, random)
        self._last = dict(zip(names, (found / weights).tolist(), strict=True))
        return found.to(jacobian)


def of_weighted(
    method: Callable[[Tensor], Tensor], gramian: Float[Tensor, "K K"], weights: Float[Tensor, " K"]
) -> Float[Tensor, " K"]:
    """Factors of the gradients where a method combines gradients of weighted losses."""
    found: Tensor = weights * method(weights[:, None] * gramian * weights)
    return found
