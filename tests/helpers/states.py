"""The changes of a step, and equality of states."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from prismgan.models import Model


def parameters(made: Model) -> dict[str, Tensor]:
    networks = {"generator": made.generator, "balancer": made.balancer, **made.networks}
    return {
        f"{network}.{name}": parameter.detach().clone()
        for network, module in networks.items()
        for name, parameter in module.named_parameters()
    }


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


def same(first: Any, second: Any) -> bool:
    """Bitwise equality of nested states."""
    if isinstance(first, Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)
