"""Normalised mutual information of two pictures' grey levels."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.images import luma
from prismgan.metrics.metric import Metric

__all__ = ["BINS", "NMI", "nmi"]

BINS = 100
"""Grey levels of each picture's histogram, between its darkest and its brightest value."""


def nmi(output: Float[Tensor, "B 3 H W"], expected: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """``(H(A) + H(B)) / H(A, B)``: 2 when one grey level tells the other, 1 when it tells nothing.

    Studholme, Hill and Hawkes 1999 (An overlap invariant entropy measure of 3D medical image alignment),
    computed by scikit-image. Blind to brightness, contrast and the negative (any linear change of grey
    levels): it asks whether the content is still there. Small pictures score high by chance,
    since 100 x 100 cells are then sparsely filled; compare values at one size only.

    Two flat pictures have no entropy to divide by; each tells the other, so they score 2. A picture with a
    value that is not finite scores nan.
    """
    from skimage.metrics import normalized_mutual_information  # slow to import

    pairs = zip(_grey(output), _grey(expected), strict=True)
    values = []
    for first, second in pairs:
        if not (first.isfinite().all() and second.isfinite().all()):
            values.append(float("nan"))
        elif first.min() == first.max() and second.min() == second.max():
            values.append(2.0)
        else:
            values.append(float(normalized_mutual_information(first.numpy(), second.numpy(), bins=BINS)))
    result: Tensor = torch.tensor(values, dtype=torch.float32, device=output.device)
    return result


def _grey(image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 H W"]:
    """Grey in float64 on the CPU: a histogram's bin edges must not depend on the device."""
    return luma(image.detach().to("cpu", torch.float64).clamp(-1, 1))


NMI = Metric("nmi", "", "higher", nmi)
