"""The data that losses are built from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True)
class LossContext:
    """Data that a task's losses may need besides a batch; most need none of it."""

    exemplars: Sequence[Float[Tensor, "3 H W"]]
    """Pictures of the task's look in [-1, 1], for the kinds that are shown one."""
    features: nn.Module
    """The feature network that images are compared by, shared by all losses: images (B, 3, H, W) in [-1, 1] to a list
    of maps."""
