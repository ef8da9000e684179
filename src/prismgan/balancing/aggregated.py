"""Balancers that combine the tasks' gradients at the shared parameters."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from prismgan.balancing.balancer import Balancer, Losses, Step, weighted_sum
from prismgan.packages import require

Method = Callable[[Any, Float[Tensor, "K K"], Float[Tensor, " K"]], Tensor]
"""Computes K coefficients of the gradients from the module ``torchjd.aggregation``, the Gramian of the unweighted
gradients and the recipe's weights, all above 0."""


def _of_weighted(method: Callable[[Tensor], Tensor], gramian: Tensor, weights: Tensor) -> Tensor:
    """Coefficients of the gradients, for a method that combines gradients of weighted losses."""
    return weights * method(weights[:, None] * gramian * weights)


METHODS: dict[str, Method] = {
    # Each weighted gradient is projected off those that it conflicts with, in random order, before they are summed.
    # Yu et al., "Gradient surgery for multi-task learning" (NeurIPS 2020), algorithm 1: while g_i . g_j < 0 for another
    # task's g_j, g_i becomes g_i - (g_i . g_j) / |g_j|^2 g_j. Without conflicts this is the weighted sum.
    "pcgrad": lambda torchjd, gramian, weights: _of_weighted(torchjd.PCGradWeighting(), gramian, weights),
    # The point of least norm in the convex hull of the weighted gradients, which descends on every task. Désidéri,
    # "Multiple-gradient descent algorithm" (2012); Sener & Koltun, "Multi-task learning as multi-objective
    # optimization" (NeurIPS 2018), eq. 3, solved by algorithm 2 (Frank-Wolfe, exact for two tasks). It is zero where no
    # direction helps all tasks. Long gradients get small coefficients, so a large weight or a steep loss counts less.
    "mgda": lambda torchjd, gramian, weights: _of_weighted(torchjd.MGDAWeighting(), gramian, weights),
    # The mean row, by the recipe's weights, of the matrix nearest to J whose singular values all equal J's smallest.
    # Senushkin et al., "Independent component alignment for multi-task learning" (CVPR 2023), algorithm 1: with
    # J = U S V^T the coefficients are s_min U S^-1 U^T w. After that no task dominates, and none conflict. The weights
    # w, which here sum to 1, are preferences and not factors of the losses, because the losses' units cancel out.
    "aligned_mtl": lambda torchjd, gramian, weights: torchjd.AlignedMTLWeighting(weights / weights.sum())(gramian),
    # The combination, with coefficients that sum to 1, whose projections on all tasks' gradients are equal. Liu et al.,
    # "Towards impartial multi-task learning" (ICLR 2021), section 3.1; by the pseudo-inverse of the Gramian, so that
    # gradients may be linearly dependent. Projections are on unit vectors, so a task's weight acts on its head, and on
    # the shared parameters only through the length of the result.
    "imtl_g": lambda torchjd, gramian, weights: _of_weighted(torchjd.IMTLGWeighting(), gramian, weights),
}
"""The supported methods of torchjd (Quinton & Rey, "Jacobian descent for multi-objective optimization", 2024), by the
name of the balancer. To add one, add a row."""


class Aggregated(Balancer):
    """The shared parameters get a combination of the tasks' gradients; each head gets its own task's, times its weight.

    The K tasks' gradients at the P shared parameters, averaged over processes, are the rows of a matrix J. A method of
    :data:`METHODS` gets the Gramian J J^T, on the CPU and in float64 (squared norms of tasks differ by more than the
    precision of float32), and returns K coefficients c; the shared gradient is c J. This costs a backward pass through
    the shared layers for each task, and with several processes a message of K P numbers. Tasks of weight 0 are left
    out; otherwise their zero gradients would restrict the combination."""

    def __init__(self, name: str, weights: Mapping[str, float]) -> None:
        super().__init__(weights)
        require(f"model.balancer: {name}", "balancing", "torchjd")
        self._method = METHODS[name]
        self._last: dict[str, float] = {}

    def forward(self, losses: Losses, step: Step) -> Float[Tensor, ""]:
        names = [name for name in losses if self.recipe_weights[name] > 0]
        shared = [parameter for parameter in step.shared if parameter.requires_grad]
        total = weighted_sum(losses, self.recipe_weights)
        if not names or not shared:
            return total
        rows, surrogates = [], []
        reached: set[nn.Parameter] = set()
        for name in names:
            own = [parameter for parameter in step.heads[name] if parameter.requires_grad]
            gradients = torch.autograd.grad(losses[name], [*shared, *own], retain_graph=True, allow_unused=True)
            for parameter, gradient in zip(own, gradients[len(shared) :], strict=True):
                if gradient is not None:
                    surrogates.append((parameter * (self.recipe_weights[name] * gradient)).sum())
            pieces = list(zip(shared, gradients, strict=False))
            reached.update(parameter for parameter, gradient in pieces if gradient is not None)
            rows.append(torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for p, g in pieces]))
        jacobian = step.mean(torch.stack(rows))
        combined = (self._solve(names, jacobian, step.random) @ jacobian).split([p.numel() for p in shared])
        for parameter, gradient in zip(shared, combined, strict=True):
            if parameter in reached:  # otherwise there is no gradient, and the optimizer skips it
                surrogates.append((parameter * gradient.view_as(parameter)).sum())
        surrogate = torch.stack(surrogates).sum()
        # The value of the weighted sum, with the gradients computed above.
        return total.detach() + surrogate - surrogate.detach()

    def weights(self) -> dict[str, float]:
        """The last step's coefficients at the shared parameters, relative to the recipe's weights."""
        return dict(self._last)

    def _solve(self, names: list[str], jacobian: Float[Tensor, "K P"], random: torch.Generator) -> Float[Tensor, " K"]:
        """Coefficients of a step's gradients; nan if a gradient is not finite, so that the step is skipped."""
        weights = torch.tensor([self.recipe_weights[name] for name in names], dtype=torch.float64)
        precise = jacobian.double()
        gramian = (precise @ precise.T).cpu()
        coefficients = torch.full_like(weights, torch.nan)
        if gramian.isfinite().all():
            from torchjd import aggregation

            # torchjd draws from torch's global generator, which is seeded from the step's own and restored afterwards.
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(int(torch.randint(2**62, (), generator=random)))
                coefficients = self._method(aggregation, gramian, weights)
        self._last = dict(zip(names, (coefficients / weights).tolist(), strict=True))
        return coefficients.to(jacobian)


def gradient_cosines(gradients: Mapping[str, Sequence[Tensor | None]]) -> Float[Tensor, "K K"]:
    """Cosine, in float64, of the angle between the gradients of every two tasks, in the tasks' order (Yu et al.,
    "Gradient surgery for multi-task learning", NeurIPS 2020, definition 1). Each task's gradients are those at the same
    parameters, None or zeros where its loss does not depend on one; nan for two tasks with no parameter in common."""
    names = list(gradients)
    cosines = torch.eye(len(names), dtype=torch.float64)
    for row, column in torch.tril_indices(len(names), len(names), -1).T.tolist():
        first, second = [], []
        for one, other in zip(gradients[names[row]], gradients[names[column]], strict=True):
            if one is not None and other is not None and one.any() and other.any():
                first.append(one.detach().flatten())
                second.append(other.detach().flatten())
        cosine = torch.tensor(torch.nan)
        if first:
            a, b = torch.cat(first).double(), torch.cat(second).double()
            cosine = a @ b / (a.norm() * b.norm())
        cosines[row, column] = cosines[column, row] = cosine
    return cosines
