"""The optimizers of a generator by name: Adam, or Muon for the weights of convolutions."""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

OptimizerName = Literal["adam", "muon"]
MOMENTUM = 0.95
RMS = 0.2  # of a step per unit of the rate, about that of Adam, so that a rate suits both (Liu et al. 2025, eq. 4)
ITERATIONS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # Jordan's: the steepest at 0, and singular values end between 0.7 and 1.2


class Muon(torch.optim.Adam):
    """Momentum, made orthogonal, for the weights of convolutions, and Adam for all others (Jordan et al., "Muon: an
    optimizer for hidden layers in neural networks", 2024; the step's size as in Liu et al., "Muon is scalable for LLM
    training", 2025). Every direction of a weight moves equally far, also those whose gradients are small."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.ndim == 4 and weight.grad is not None:
                    self._move(weight, weight.grad, group["lr"])
                    weight.grad = None  # Adam leaves out parameters without one
        super().step()

    def _move(self, weight: Float[Tensor, "out in h w"], gradient: Float[Tensor, "out in h w"], rate: float) -> None:
        state = self.state[weight]  # under Adam's names
        if not state:
            state.update(step=torch.zeros(()), exp_avg=torch.zeros_like(weight))
        state["step"] += 1
        momentum = state["exp_avg"].lerp_(gradient, 1 - MOMENTUM)
        matrix = orthogonal(gradient.lerp(momentum, MOMENTUM).flatten(1))  # Nesterov's momentum
        weight.sub_(matrix.view_as(weight), alpha=rate * RMS * max(matrix.shape) ** 0.5)


OPTIMIZERS: dict[OptimizerName, Callable[..., torch.optim.Adam]] = {"adam": torch.optim.Adam, "muon": Muon}


def orthogonal(matrix: Float[Tensor, "m n"]) -> Float[Tensor, "m n"]:
    """U V^T of the matrix U S V^T, nearly, by Newton and Schulz's iteration: singular values become 0.7 to 1.2."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    wide = (matrix.T if tall else matrix) / (matrix.norm() + 1e-7)
    for _ in range(ITERATIONS):
        square = wide @ wide.T
        wide = a * wide + (b * square + c * square @ square) @ wide
    return wide.T if tall else wide
