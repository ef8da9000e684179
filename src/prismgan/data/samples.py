"""Photos to try the page with: three as they are, and one that is small and noisy."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prismgan.data import builtin
from prismgan.packages import missing

__all__ = ["sample", "samples"]

TITLES = {
    "coffee": "Cup of coffee",
    "chelsea": "Cat",
    "rocket": "Rocket",
    "small-and-noisy": "Small and noisy portrait",
}
"""No ready-made weights were trained on these photos."""
PORTRAIT = (70, 0, 470, 300)
"""Left, top, right and bottom in the built-in astronaut."""
SMALL = (240, 180)
SIGMA = 16
"""Of the noise, in levels of 255."""


def samples() -> dict[str, str]:
    """Title by name; none where scikit-image, whose photos they are, is not installed."""
    return {} if missing(["skimage"]) else TITLES


@cache
def sample(name: str) -> NDArray[np.uint8]:
    """(H, W, 3) of the sample of this name."""
    if name != "small-and-noisy":
        return builtin.load(builtin.PREFIX + name).permute(1, 2, 0).numpy()
    photo = Image.fromarray(builtin.load(builtin.PREFIX + "astronaut").permute(1, 2, 0).numpy())
    small = np.asarray(photo.crop(PORTRAIT).resize(SMALL, Image.Resampling.LANCZOS)).astype(np.float64)
    noise = np.random.default_rng(0).normal(0, SIGMA, small.shape)
    return (small + noise).round().clip(0, 255).astype(np.uint8)
