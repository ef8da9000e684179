"""A metric: a name, a unit, a direction, and a function of two pictures, or of two sets of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.errors import PictureError

__all__ = ["Metric", "SetMetric"]


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

    def __call__(self, output: Float[Tensor, "B 3 H W"], expected: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
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
