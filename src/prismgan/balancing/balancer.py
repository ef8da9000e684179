"""The base of all balancers, and three that weigh the losses: ``fixed``, ``normalised`` and ``uncertainty``.

A balancer is called with the losses of a step and returns one scalar, whose gradient is the balanced one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

Losses = Mapping[str, Float[Tensor, ""]]
"""By task. A process's loss is its rows' share of the whole batch's: the mean over processes is the whole loss."""


@dataclass(frozen=True)
class Step:
    """The data of a training step that a balancer may use, beside its losses.

    Where the rows of a step are shared among processes, whatever a balancer decides by has to come from
    :attr:`total`, or processes would decide differently. Gradients are averaged over processes after the backward pass.
    """

    outputs: Mapping[str, Float[Tensor, "*shape"]]
    """The generator's outputs, by task, that the losses are of."""
    shared: Sequence[nn.Parameter] = ()
    """Parameters that several tasks' losses reach: those of trunk and mapping."""
    heads: Mapping[str, Sequence[nn.Parameter]] = field(default_factory=dict)
    """Parameters that one task's loss alone reaches, by task."""
    random: torch.Generator = field(default_factory=torch.Generator)
    """The step's random numbers, the same in every process."""
    total: Callable[[Tensor], Tensor] = lambda values: values
    """Sum over processes."""
    processes: int = 1

    def mean(self, values: Tensor) -> Tensor:
        """Mean over processes: from losses, or gradients of parameters, of own rows to those of the whole batch."""
        return self.total(values) / self.processes


class Balancer(nn.Module, ABC):
    """Called with the losses of the tasks drawn in a step; see :class:`Step` for the rest. ``weights`` are the
    recipe's, by task.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.recipe_weights = dict(weights)

    @abstractmethod
    def forward(self, losses: Losses, step: Step) -> Float[Tensor, ""]:
        """One scalar; its backward pass leaves the balanced gradients in the parameters."""

    @abstractmethod
    def weights(self) -> dict[str, float]:
        """Factors, beside the recipe's weights, that the balancer gave the tasks, for the log; empty if it has none."""


def weighted_sum(losses: Losses, weights: Mapping[str, float]) -> Float[Tensor, ""]:
    """Each loss times its task's weight, summed."""
    return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()


class Fixed(Balancer):
    """The recipe's weights and nothing else: the weighted sum."""

    def forward(self, losses: Losses, step: Step) -> Float[Tensor, ""]:
        return weighted_sum(losses, self.recipe_weights)

    def weights(self) -> dict[str, float]:
        return {}


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


class Uncertainty(Balancer):
    """Weights learnt as homoscedastic uncertainty: sum of exp(-s) w L + s with one s a task.

    Kendall, Gal, Cipolla, "Multi-task learning using uncertainty" (2018), eq. 7 with s = log sigma^2; the factors of
    one half are dropped, which changes the weights by a constant. Tasks absent from a step get no update.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__(weights)
        self.log_variance = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in weights})

    def forward(self, losses: Losses, step: Step) -> Float[Tensor, ""]:
        terms = []
        for name, loss in losses.items():
            spread = self.log_variance[name]
            terms.append(torch.exp(-spread) * self.recipe_weights[name] * loss + spread)
        return torch.stack(terms).sum()

    def weights(self) -> dict[str, float]:
        return {name: float(torch.exp(-spread.detach())) for name, spread in self.log_variance.items()}
