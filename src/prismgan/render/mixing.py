"""Mixing looks: with each other, with the source that they were made from, and by regions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from prismgan.render.request import Output

__all__ = ["enlarged_mask", "is_mixed", "mixture"]


def is_mixed(output: Output) -> bool:
    """Whether the output is anything else than one look as it is, where there is no mask."""
    return output.strength != 1 or len(output.looks) > 1


def mixture(
    output: Output,
    looks: Mapping[str, Float[Tensor, "1 3 sH sW"]],
    base: Float[Tensor, "1 3 sH sW"] | None,
    mask: Float[Tensor, "1 1 sH sW"] | None,
) -> Float[Tensor, "1 3 sH sW"]:
    """``base + mask * strength * (sum of weighted looks - base)``; exactly the base, or the looks, where that is meant.

    What is mixed is the pictures as they would come out, so values beyond [-1, 1] are clipped first, in place.
    ``base``, the enlarged source, may be None where nothing :func:`is_mixed`; no mask is 1 everywhere.
    """
    if mask is None and not is_mixed(output):
        (look,) = output.looks
        return looks[look]
    assert base is not None
    base.clamp_(-1, 1)
    blend = torch.zeros_like(base)
    for name, weight in output.looks.items():
        blend.add_(looks[name].clamp_(-1, 1), alpha=weight)
    # lerp counts from the nearer end, so 0 and 1 are exact.
    return torch.lerp(base, blend, output.strength if mask is None else (mask * output.strength).expand_as(base))


def enlarged_mask(mask: NDArray[Any], scale: int) -> Float[Tensor, "1 1 sH sW"]:
    """A mask (H, W), enlarged bilinearly."""
    found = torch.from_numpy(mask.astype(np.float32, order="C"))[None, None]
    return found if scale == 1 else F.interpolate(found, scale_factor=scale, mode="bilinear", align_corners=False)
