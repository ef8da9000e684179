"""A metric: a name, a unit, a direction, and a function of two pictures, or of two sets of them. And how well a
discriminator tells real from fake, and tasks from each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prismgan.errors import PictureError


@dataclass(frozen=True)
class Metric:
    """A distance or similarity between an output and the picture it is compared with.

    Values outside [-1, 1] are clipped first: judged is the picture as it would be written to a file.
    """

    name: str
    unit: str
    """Unit of the values; empty for a plain number."""
    better: Literal["higher", "lower"]
    function: Callable[[Float[Tensor, "B 3 H W"], Float[Tensor, "B 3 H W"]], Float[Tensor, " B"]]
    """``function(output, expected)`` for images in [-1, 1], one value a picture."""

    def __call__(self, output: Tensor, expected: Tensor) -> Float[Tensor, " B"]:
        """One value a picture.

        Raises:
            PictureError: the two batches differ in shape, or are not batches of RGB pictures.
        """
        if output.shape != expected.shape or output.ndim != 4 or output.shape[1] != 3:
            raise PictureError(
                f"metric {self.name!r}: expected two equal shapes (B, 3, H, W), "
                f"found {tuple(output.shape)} and {tuple(expected.shape)}; resize one of them first"
            )
        return self.function(output, expected)


@dataclass(frozen=True)
class SetMetric:
    """A distance between two sets of pictures, none of which belongs to one of the other set."""

    name: str
    unit: str
    """Unit of the value; empty for a plain number."""
    better: Literal["higher", "lower"]
    fewest: int
    """Pictures that either set has to have."""
    smallest: int
    """Pixels that each side of a picture has to have."""
    features: Callable[[Float[Tensor, "B 3 H W"]], Float[Tensor, "B D"]]
    """The features of images in [-1, 1] that are compared."""
    distance: Callable[[Float[Tensor, "M D"], Float[Tensor, "N D"], torch.Generator], tuple[float, float]]
    """From the features of two sets to the distance and its standard deviation."""


def real_or_fake(
    real: Float[Tensor, " N"], fake: Float[Tensor, " N"], boundary: float | None
) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
    """Whether each real and each fake picture's logit lies on its side of the boundary; on it is right for neither.

    Where ``boundary`` is None (Wasserstein critics, relativistic discriminators) only differences mean something: a
    pair is right, for both, if the real one is ahead.
    """
    real, fake = real.detach(), fake.detach()
    if boundary is None:
        ahead = (real > fake).float()
        return ahead, ahead
    return (real > boundary).float(), (fake < boundary).float()


def right_task(task_logits: Float[Tensor, "N K"], task_index: Int[Tensor, " N"]) -> Float[Tensor, " N"]:
    """Whether the largest of the K task logits is the picture's own task."""
    return (task_logits.detach().argmax(dim=1) == task_index).float()
