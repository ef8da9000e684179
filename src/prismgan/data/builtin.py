"""Pictures that prismgan brings: photos from scikit-image's wheel, drawings, and scikit-learn's digits.

A picture is named ``builtin:NAME``; a collection of pictures has a name of the same form. Nothing here
ever reads from the network: of scikit-image's pictures only those are offered that its wheel contains.
"""

from __future__ import annotations

import importlib.resources
from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from torch import Tensor

from prismgan import images
from prismgan.data import digits, graphics
from prismgan.errors import DataError, nearest
from prismgan.packages import require

__all__ = ["GRAPHICS", "PREFIX", "expand", "is_builtin", "load", "names", "size"]

PREFIX = "builtin:"

GRAPHICS = f"{PREFIX}{graphics.NAME}"
"""A sheet of graphics; as training data it stands for graphics that are drawn anew for every row."""

PHOTOS = {
    "astronaut": "astronaut.png",
    "brick": "brick.png",
    "camera": "camera.png",
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
    "coins": "coins.png",
    "grass": "grass.png",
    "gravel": "gravel.png",
    "hubble_deep_field": "hubble_deep_field.jpg",
    "immunohistochemistry": "ihc.png",
    "moon": "moon.png",
    "retina": "retina.jpg",
    "rocket": "rocket.jpg",
    # The right view shows the same scene: as a training picture it adds nothing, as a test picture it cheats.
    "stereo_motorcycle": "motorcycle_left.png",
}
"""Name of the photo, as ``skimage.data`` calls it, and its file in the wheel."""

DRAWINGS = ("mosaic", "swirl", *(f"comic-{number:02d}" for number in range(24)))
"""Files in ``drawings/``, painted by ``tools/paint_drawings.py``."""

HELD_OUT = ("chelsea", "coffee")
"""Never trained on, so that demonstrations and tests on them are honest."""

COLLECTIONS: dict[str, tuple[str, ...]] = {
    "photos": tuple(name for name in PHOTOS if name not in HELD_OUT),
    "held-out": HELD_OUT,
    "comics": tuple(name for name in DRAWINGS if name.startswith("comic-")),
}


def is_builtin(reference: str) -> bool:
    """Whether ``reference`` has the form ``builtin:NAME``."""
    return reference.startswith(PREFIX)


def names() -> tuple[str, ...]:
    """Every built-in picture and collection, as ``builtin:NAME``; of digits, which are many, the collections alone."""
    return tuple(PREFIX + name for name in (*COLLECTIONS, *digits.COLLECTIONS, *PHOTOS, *DRAWINGS, graphics.NAME))


def expand(reference: str) -> tuple[str, ...]:
    """The pictures of a collection; a picture stands for itself.

    Raises:
        DataError: there is no picture or collection of that name.
        PrismganError: the package that brings it is not installed.
    """
    name = _known(reference)
    if name in digits.COLLECTIONS:
        return tuple(PREFIX + member for member in digits.members(name))
    return tuple(PREFIX + member for member in COLLECTIONS.get(name, (name,)))


def load(reference: str) -> UInt8[Tensor, "3 H W"]:
    """A built-in picture, pixels 0..255. The caller may write into it.

    Raises:
        DataError: there is no picture of that name, or it names a collection.
    """
    name = _single(reference)
    if name in (*PHOTOS, *DRAWINGS):
        return images.read(_file(name))
    return torch.from_numpy(_drawn(name)).permute(2, 0, 1).contiguous()


def size(reference: str) -> tuple[int, int]:
    """Height and width in pixels; files are not decoded for it.

    Raises:
        DataError: there is no picture of that name, or it names a collection.
    """
    name = _single(reference)
    if name in (*PHOTOS, *DRAWINGS):
        return images.size(_file(name))
    height, width, _ = _drawn(name).shape
    return height, width


def _known(reference: str) -> str:
    if is_builtin(reference) and digits.is_digit(reference.removeprefix(PREFIX)):
        return reference.removeprefix(PREFIX)
    if not is_builtin(reference) or reference not in names():
        hint = nearest(reference, names())
        raise DataError(
            f"{reference!r}: no such built-in picture or collection{hint} "
            f"(collections: {', '.join(PREFIX + name for name in (*COLLECTIONS, *digits.COLLECTIONS))})"
        )
    return reference.removeprefix(PREFIX)


def _single(reference: str) -> str:
    name = _known(reference)
    if name in COLLECTIONS or name in digits.COLLECTIONS:
        raise DataError(f"{reference!r}: is a collection, expected one picture, such as {expand(reference)[0]!r}")
    return name


def _file(name: str) -> Path:
    if name in DRAWINGS:
        return Path(__file__).with_name("drawings") / f"{name}.png"
    require("built-in photos", "train", "skimage")
    # The file is opened directly: the functions of skimage.data would fetch what is missing.
    return Path(str(importlib.resources.files("skimage"))) / "data" / PHOTOS[name]


@cache
def _drawn(name: str) -> NDArray[np.uint8]:
    return digits.draw(name) if digits.is_digit(name) else graphics.sample()
