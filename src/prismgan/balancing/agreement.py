"""How far tasks agree on what they share: the cosines between their gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["gradient_cosines"]


def gradient_cosines(gradients: Mapping[str, Sequence[Tensor | None]]) -> Float[Tensor, "K K"]:
    """Cosine of the angle between the gradients of every two tasks, in the tasks' order.

    1: a step along one task's gradient is what the other wants too; 0: they do not meet; below 0: it harms the other
    (the conflicts of Yu et al., "Gradient surgery for multi-task learning", NeurIPS 2020, definition 1). Two tasks are
    compared at the parameters that both of them reach: what one of them alone uses is not fought for, and would only
    bring the cosine nearer to 0. Weights and lengths of the gradients do not matter.

    Args:
        gradients: by task, with respect to the same parameters; None or zeros where a task does not reach one.

    Returns:
        The symmetric matrix, in float64; not a number where tasks share nothing, or one of the gradients is zero.
    """
    names = list(gradients)
    cosines = torch.eye(len(names), dtype=torch.float64)
    for row, one in enumerate(names):
        for column in range(row):
            pairs = [
                (a, b)
                for a, b in zip(gradients[one], gradients[names[column]], strict=True)
                if a is not None and b is not None and a.any() and b.any()
            ]
            cosines[row, column] = cosines[column, row] = _cosine(pairs)
    return cosines


def _cosine(pairs: Sequence[tuple[Tensor, Tensor]]) -> float:
    if not pairs:
        return float("nan")
    first, second = (torch.cat([pair[side].detach().flatten() for pair in pairs]).double() for side in (0, 1))
    return float(first @ second / (first.norm() * second.norm()))
