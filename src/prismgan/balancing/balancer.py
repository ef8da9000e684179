"""The base class of balancers, the balancers that weight losses, and the gradient shares of a task's own losses."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

TEMPERATURE = 2.0  # the paper's T of `DynamicWeightAverage`: larger values give more even weights
WINDOW = 100  # steps that it averages, instead of the paper's epochs: an endless stream of crops has no epochs
EVERY = 8  # a task's steps between two measurements of a gradient norm, each a backward pass through a feature network
DECAY = 0.8  # of the running mean of these measurements

Losses = Mapping[str, Float[Tensor, ""]]  # by task; the mean over processes is the loss of the whole batch


@dataclass(frozen=True)
class Step:
    """The data of a training step that a balancer may use, apart from its losses. Decisions have to depend on sums over
    processes (:attr:`total`), or processes would decide differently. Gradients are averaged over processes later."""

    outputs: Mapping[str, Float[Tensor, "*shape"]]  # the generator's outputs by task, from which losses are computed
    shared: Sequence[nn.Parameter] = ()  # parameters that several tasks use, for example the trunk's
    heads: Mapping[str, Sequence[nn.Parameter]] = field(default_factory=dict)  # parameters of each task alone
    random: torch.Generator = field(default_factory=torch.Generator)  # the same in every process
    total: Callable[[Tensor], Tensor] = lambda values: values  # sum over processes
    processes: int = 1

    def mean(self, values: Tensor) -> Tensor:
        """Mean over processes, which turns this process's losses or parameter gradients into those of the batch."""
        return self.total(values) / self.processes


class Balancer(nn.Module, ABC):
    """Called with the losses of the tasks drawn in a step; ``weights`` are the recipe's, by task."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()
        self.recipe_weights = dict(weights)

    @abstractmethod
    def forward(self, losses: Losses, step: Step) -> Float[Tensor, ""]:
        """One scalar; its backward pass leaves the balanced gradients in the parameters."""

    def weights(self) -> dict[str, float]:
        """The balancer's factors for the tasks, apart from the recipe's weights, for the log; empty if it has none."""
        return {}


def weighted_sum(losses: Losses, weights: Mapping[str, float]) -> Float[Tensor, ""]:
    return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()


class Fixed(Balancer):
    """The sum weighted by the recipe's weights."""

    def forward(self, losses: Losses, step: Step) -> Float[Tensor, ""]:
        return weighted_sum(losses, self.recipe_weights)


class Normalised(Balancer):
    """Each task's gradient at its own output image is divided by its norm and multiplied by its weight before it enters
    the network. In a plain sum, gradients of style losses, which are large and have spikes on dark or flat crops, drown
    restoration in shared layers. This resembles normalising gradients at the shared features (Liu et al., "IMTL", 2021;
    Sener & Koltun 2018, section 3.3), but it also keeps spikes out of the heads, and it costs nothing."""

    def forward(self, losses: Losses, step: Step) -> Float[Tensor, ""]:
        outputs, gradients = step.outputs, {}
        for name, loss in losses.items():
            (gradients[name],) = torch.autograd.grad(loss, outputs[name], retain_graph=True)
        # Row weights are shares of a mean over processes, and each row belongs to one process.
        own = torch.stack([gradient.float().square().sum() for gradient in gradients.values()])
        squares = step.total(own) / step.processes**2
        surrogates = []
        for (name, gradient), square in zip(gradients.items(), squares, strict=True):
            scale = self.recipe_weights[name] / square.sqrt().clamp_min(1e-12)
            surrogate = (outputs[name] * (scale * gradient)).sum()
            # The value of the loss, with the scaled gradient.
            surrogates.append(losses[name].detach() + surrogate - surrogate.detach())
        return torch.stack(surrogates).sum()


class Uncertainty(Balancer):
    """Sum of exp(-s) w L + s with one learnt s per task: Kendall, Gal, Cipolla, "Multi-task learning using uncertainty"
    (2018), eq. 7 with s = log sigma^2, without the factors of one half. Tasks absent from a step get no update."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__(weights)
        self.log_variance = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in weights})

    def forward(self, losses: Losses, step: Step) -> Float[Tensor, ""]:
        terms = []
        for name, loss in losses.items():
            s = self.log_variance[name]
            terms.append(torch.exp(-s) * self.recipe_weights[name] * loss + s)
        return torch.stack(terms).sum()

    def weights(self) -> dict[str, float]:
        return {name: float(torch.exp(-s.detach())) for name, s in self.log_variance.items()}


class DynamicWeightAverage(Balancer):
    """K softmax(r / T) with r_k = L_k(t - 1) / L_k(t - 2), times the recipe's weights, where L_k(t) is task k's mean
    loss in window t: Liu, Johns, Davison, "End-to-end multi-task learning with attention" (CVPR 2019), eq. 7.
    Deviations: a window is :data:`WINDOW` steps; a task that was not drawn in a window keeps its ratio; and r is 1 not
    only in the first two windows, but also if one of the two means is not positive, as adversarial losses may be."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__(weights)
        self.curves = cast("dict[str, _Curve]", nn.ModuleDict({name: _Curve() for name in weights}))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.steps: Tensor

    def forward(self, losses: Losses, step: Step) -> Float[Tensor, ""]:
        given = dict(zip(self.curves, self._factors(), strict=True))
        scaled = {name: given[name] * loss for name, loss in losses.items()}
        for name, loss in zip(losses, step.mean(torch.stack([*losses.values()]).detach()), strict=True):
            self.curves[name].add(loss)
        self.steps += 1
        if int(self.steps) >= WINDOW:
            self.steps.zero_()
            for curve in self.curves.values():
                curve.close()
        return weighted_sum(scaled, self.recipe_weights)

    def weights(self) -> dict[str, float]:
        return dict(zip(self.curves, self._factors().tolist(), strict=True))

    def _factors(self) -> Float[Tensor, " K"]:
        """The softmax of the loss ratios of the last two windows, times K."""
        ratios = torch.stack([curve.ratio() for curve in self.curves.values()])
        return len(ratios) * torch.softmax(ratios / TEMPERATURE, dim=0)


class _Curve(nn.Module):
    """Mean losses of one task in the current window and the last two, as buffers, so that checkpoints contain them."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("running", "count", "last", "before"):
            self.register_buffer(name, torch.zeros(()))
        self.running: Tensor
        self.count: Tensor
        self.last: Tensor
        self.before: Tensor

    def add(self, loss: Float[Tensor, ""]) -> None:
        """Add a step's loss, unless it is not finite: such a step is skipped."""
        finite = loss.isfinite()
        self.running += torch.where(finite, loss, 0.0)
        self.count += finite

    def close(self) -> None:
        seen = self.count > 0
        mean = self.running / self.count.clamp_min(1)
        self.before.copy_(torch.where(seen, self.last, self.before))
        self.last.copy_(torch.where(seen, mean, self.last))
        self.running.zero_()
        self.count.zero_()

    def ratio(self) -> Float[Tensor, ""]:
        """The ratio of the losses of the last two windows."""
        known = (self.last > 0) & (self.before > 0)
        return torch.where(known, self.last / torch.where(known, self.before, 1.0), 1.0)


class GradientShares(nn.Module):
    """Gives each of a task's own losses a fixed share of the gradient at the task's output. Each loss is divided by a
    running mean of its gradient's norm at the output, as :class:`Normalised` does between tasks (compare Chen et al.,
    "GradNorm", ICML 2018). Weights are a poor substitute: an adversarial weight of 0.3 gave 0.4 % of a style's
    gradient. ``total`` sums over processes."""

    def __init__(self, terms: Iterable[str], total: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.total = total
        for term in terms:
            self.register_buffer(f"norm_{term}", torch.zeros(()))
            self.register_buffer(f"count_{term}", torch.zeros((), dtype=torch.int64))

    def forward(
        self, term: str, value: Float[Tensor, ""], output: Float[Tensor, "B 3 H W"]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""] | None]:
        """The loss, scaled to a gradient of norm 1 on average at ``output``, and that norm now if it was measured."""
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
