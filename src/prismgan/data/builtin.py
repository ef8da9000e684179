"""Built-in pictures and collections, named ``builtin:NAME``: photos from scikit-image's wheel, drawings, and
scikit-learn's digits. Nothing here uses the network."""

import importlib.resources
import re
from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from prismgan import images
from prismgan.config import BUILT_IN
from prismgan.data import graphics
from prismgan.errors import DataError, nearest
from prismgan.packages import missing, require

PREFIX = BUILT_IN
GRAPHICS = f"{PREFIX}{graphics.NAME}"
"""A sheet of graphics; as training data it means new graphics for every row."""
PHOTOS = {  # by their name in `skimage.data`, with their file in the wheel
    **{
        name: f"{name}.png"
        for name in ("astronaut", "brick", "camera", "chelsea", "coffee", "coins", "grass", "gravel")
    },
    "hubble_deep_field": "hubble_deep_field.jpg",
    "immunohistochemistry": "ihc.png",
    "moon": "moon.png",
    "retina": "retina.jpg",
    "rocket": "rocket.jpg",
    # The right view is left out: it shows the same scene, which adds nothing to training and would falsify tests.
    "stereo_motorcycle": "motorcycle_left.png",
}
DRAWINGS = ("mosaic", "swirl", *(f"comic-{number:02d}" for number in range(24)))  # painted by `tools/`
HELD_OUT = ("chelsea", "coffee")  # never trained on, so that demonstrations and tests on them are honest
COLLECTIONS: dict[str, tuple[str, ...]] = {
    "photos": tuple(name for name in PHOTOS if name not in HELD_OUT),
    "held-out": HELD_OUT,
    "comics": tuple(name for name in DRAWINGS if name.startswith("comic-")),
}

SIDE = 32
"""Pixels a side of a digit. The 1,797 handwritten digits are of Alpaydin & Kaynak (UCI repository, 1998, CC BY 4.0);
their own 8x8 cells are too few for a discriminator."""
BRIGHTEST = 16  # of a scan's cells
DIGITS = tuple(f"digits-{digit}" for digit in range(10))  # one collection per digit
_DIGIT = re.compile(r"digit-(\d)-(\d{3})")


def is_builtin(reference: str) -> bool:
    """Whether ``reference`` has the form ``builtin:NAME``."""
    return reference.startswith(PREFIX)


def names() -> tuple[str, ...]:
    """All built-in pictures and collections, as ``builtin:NAME``; for the many digits, only the collections."""
    return tuple(PREFIX + name for name in (*COLLECTIONS, *DIGITS, *PHOTOS, *DRAWINGS, graphics.NAME))


def expand(reference: str) -> tuple[str, ...]:
    """The pictures of a collection, or the picture itself; PrismganError if it is unknown or its package is missing."""
    name = _known(reference)
    if name in DIGITS:
        digit = DIGITS.index(name)
        return tuple(f"{PREFIX}digit-{digit}-{number:03d}" for number in range(len(_scans()[digit])))
    return tuple(PREFIX + member for member in COLLECTIONS.get(name, (name,)))


def load(reference: str) -> UInt8[Tensor, "3 H W"]:
    """A built-in picture, pixels 0..255. The caller may write into it. Raises the errors of :func:`expand`."""
    name = _known(reference)
    if name in COLLECTIONS or name in DIGITS:
        raise DataError(f"{reference!r}: is a collection, expected one picture, for example {expand(reference)[0]!r}")
    if name in DRAWINGS:
        return images.read(Path(__file__).with_name("drawings") / f"{name}.png")
    if name in PHOTOS:
        require("built-in photos", "train", "skimage")
        # The file is opened directly, because the functions of skimage.data would download missing files.
        return images.read(Path(str(importlib.resources.files("skimage"))) / "data" / PHOTOS[name])
    return torch.from_numpy(_drawn(name)).permute(2, 0, 1).contiguous()


def _known(reference: str) -> str:
    name = reference.removeprefix(PREFIX)
    if is_builtin(reference) and (_DIGIT.fullmatch(name) or reference in names()):
        return name
    hint, collections = nearest(reference, names()), ", ".join(PREFIX + name for name in (*COLLECTIONS, *DIGITS))
    raise DataError(f"{reference!r}: no such built-in picture or collection{hint} (collections: {collections})")


@cache
def _drawn(name: str) -> NDArray[np.uint8]:
    """Graphics, or a digit, white on black; (H, W, 3)."""
    digit = _DIGIT.fullmatch(name)
    if digit is None:
        return graphics.sample()
    scans = _scans()[int(digit[1])]
    if int(digit[2]) >= len(scans):
        valid = "digit-0-000 to digit-9-179, with a few missing at the end"
        raise DataError(f"{name!r}: no such digit; the names are {valid}")
    cells = torch.from_numpy(scans[int(digit[2])] / BRIGHTEST * 2 - 1).expand(3, -1, -1)
    return images.to_uint8(images.resize(cells, SIDE, SIDE)).permute(1, 2, 0).numpy()


@cache
def _scans() -> tuple[NDArray[np.float64], ...]:
    """The scans of every digit, (N, 8, 8), 0 to 16, in scikit-learn's order."""
    require("built-in digits", "digits", "sklearn")
    from sklearn.datasets import load_digits

    digits = load_digits()
    return tuple(digits.images[digits.target == digit] for digit in range(10))


TITLES = {  # of photos that no ready-made weights were trained on
    "coffee": "Cup of coffee",
    "chelsea": "Cat",
    "rocket": "Rocket",
    "small-and-noisy": "Small and noisy portrait",
}
PORTRAIT = (70, 0, 470, 300)  # left, top, right and bottom in the built-in astronaut
SMALL = (240, 180)
SIGMA = 16  # of the noise, in levels of 255


def samples() -> dict[str, str]:
    """Titles by name; empty if scikit-image, which contains the photos, is not installed."""
    return {} if missing(["skimage"]) else TITLES


@cache
def sample(name: str) -> NDArray[np.uint8]:
    """(H, W, 3) of the sample of this name."""
    if name != "small-and-noisy":
        return load(PREFIX + name).permute(1, 2, 0).numpy()
    photo = Image.fromarray(load(PREFIX + "astronaut").permute(1, 2, 0).numpy())
    small = np.asarray(photo.crop(PORTRAIT).resize(SMALL, Image.Resampling.LANCZOS)).astype(np.float64)
    return (small + np.random.default_rng(0).normal(0, SIGMA, small.shape)).round().clip(0, 255).astype(np.uint8)
