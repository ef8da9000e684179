"""Structural similarity of two pictures."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from prismgan.errors import PictureError
from prismgan.metrics.metric import Metric

__all__ = ["SSIM", "WINDOW", "ssim"]

WINDOW = 11
"""Side of the Gaussian window in pixels (sigma 1.5)."""


def ssim(output: Float[Tensor, "B 3 H W"], expected: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """Mean SSIM over pixels and colour channels: 1 for equal pictures, about 0 for unrelated ones.

    Wang, Bovik, Sheikh and Simoncelli 2004 (Image quality assessment), equation 13, with the paper's
    Gaussian window and constants K1 = 0.01, K2 = 0.03; computed by torchmetrics. Unlike the paper, which
    judges luma, the three colour channels are averaged.

    Raises:
        PictureError: a side is shorter than the window.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure  # slow to import

    height, width = output.shape[-2:]
    if min(height, width) < WINDOW:
        raise PictureError(
            f"metric 'ssim': expected pictures of at least {WINDOW} x {WINDOW} pixels (its window), "
            f"found {width} x {height}; compare larger pictures"
        )
    value: Tensor = structural_similarity_index_measure(
        (output.float().clamp(-1, 1) + 1) / 2,
        (expected.float().clamp(-1, 1) + 1) / 2,
        gaussian_kernel=True,
        sigma=1.5,
        kernel_size=WINDOW,
        data_range=1.0,
        reduction="none",
    )
    return value.reshape(output.shape[0])


SSIM = Metric("ssim", "", "higher", ssim)
