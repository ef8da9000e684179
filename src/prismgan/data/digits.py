"""Handwritten digits that come with scikit-learn, 1,797 scans of 8x8 cells, enlarged to pictures.

Alpaydin & Kaynak, "Optical recognition of handwritten digits" (UCI Machine Learning Repository, 1998, CC BY 4.0).
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from prismgan import images
from prismgan.errors import DataError
from prismgan.packages import require

__all__ = ["COLLECTIONS", "SIDE", "draw", "is_digit", "members"]

SIDE = 32
"""Pixels a side. The scans' own cells are too few for a discriminator, and enlarging them adds nothing."""
BRIGHTEST = 16
"""Of a scan's cells."""
COLLECTIONS = tuple(f"digits-{digit}" for digit in range(10))
"""One for each digit, so that what a picture shows is known by where it comes from."""

_NAME = re.compile(r"digit-(\d)-(\d{3})")


def is_digit(name: str) -> bool:
    """Whether a picture has the form of a digit's name, ``digit-3-017``."""
    return _NAME.fullmatch(name) is not None


def members(collection: str) -> tuple[str, ...]:
    """Names of the pictures of one of :data:`COLLECTIONS`, in scikit-learn's order.

    Raises:
        PrismganError: scikit-learn is not installed.
    """
    digit = COLLECTIONS.index(collection)
    return tuple(f"digit-{digit}-{number:03d}" for number in range(len(_scans()[digit])))


@cache
def draw(name: str) -> NDArray[np.uint8]:
    """White on black, (32, 32, 3).

    Raises:
        DataError: there is no such digit.
        PrismganError: scikit-learn is not installed.
    """
    found = _NAME.fullmatch(name)
    scans = () if found is None else tuple(_scans()[int(found[1])])
    if found is None or int(found[2]) >= len(scans):
        raise DataError(f"{name!r}: no such digit; there are digit-0-000 to digit-9-179, or a few less of some")
    cells = torch.from_numpy(scans[int(found[2])] / BRIGHTEST * 2 - 1).expand(3, -1, -1)
    pixels: NDArray[np.uint8] = images.to_uint8(images.resize(cells, SIDE, SIDE)).permute(1, 2, 0).numpy()
    return pixels


@cache
def _scans() -> tuple[NDArray[np.float64], ...]:
    """The scans of every digit, (N, 8, 8), 0 to 16."""
    require("built-in digits", "digits", "sklearn")
    from sklearn.datasets import load_digits

    found = load_digits()
    return tuple(found.images[found.target == digit] for digit in range(10))
