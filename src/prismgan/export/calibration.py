"""Pictures that show int8 which values occur."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan import images
from prismgan.errors import PictureError
from prismgan.export.parity import SIZES
from prismgan.images import on_white, open_picture

__all__ = ["CROPS", "crops", "middles", "read_pictures"]

CROP = 160
"""Longest side of a crop."""
CROPS = 32
"""Most crops, and most pictures. Calibration holds what every layer makes of them."""
CROPS_OF_ONE = 8
"""Most crops of one picture."""
NOISE = (0, 25, 0, 50)
"""Standard deviations, in units of 0..255, of the noise in crops and middles, in turn: what is to be restored causes
values that clean pictures never do, and a range without them costs 1 dB."""


def read_pictures(named: Sequence[Path]) -> list[Float[Tensor, "1 3 H W"]]:
    """Files, and what is in folders, in [0, 1]; of more than :data:`CROPS` so many that are spread over them.

    Raises:
        PictureError: one is missing, damaged, of a kind that is not rendered, or too small to be compared on.
    """
    paths = [path for given in named for path in (images.find_pictures(given) if given.is_dir() else [given])]
    if len(paths) > CROPS:
        paths = [paths[number * len(paths) // CROPS] for number in range(CROPS)]
    least = max(side for size in SIZES for side in size)
    found = []
    for path in paths:
        pixels = torch.tensor(on_white(open_picture(path))).permute(2, 0, 1)
        image = images.to_float(pixels).add(1).div(2)[None]
        height, width = image.shape[-2:]
        if min(height, width) < least:
            raise PictureError(f"{path}: is {width}x{height} pixels; to calibrate with, each side must have {least}")
        found.append(image)
    return found


def crops(pictures: Sequence[Float[Tensor, "1 3 H W"]]) -> Iterator[Float[Tensor, "1 3 h w"]]:
    """At most :data:`CROPS`, from each picture in turn, from places that are spread over it."""
    for number in range(min(CROPS, CROPS_OF_ONE * len(pictures))):
        picture = pictures[number % len(pictures)]
        # Multiples of irrational numbers, without their whole parts, never come close to each other.
        top, left = (
            int(max(side - CROP, 0) * ((number + 1) * step % 1))
            for side, step in zip(picture.shape[-2:], (0.618034, 0.414214), strict=True)
        )
        yield _noisy(picture[..., top : top + CROP, left : left + CROP], number)


def middles(pictures: Sequence[Float[Tensor, "1 3 H W"]]) -> list[Float[Tensor, "1 3 h w"]]:
    """The middles of pictures, one in each of the sizes that are compared."""
    found = []
    for number, (height, width) in enumerate(SIZES):
        picture = pictures[number % len(pictures)]
        top, left = (picture.shape[-2] - height) // 2, (picture.shape[-1] - width) // 2
        found.append(_noisy(picture[..., top : top + height, left : left + width], number))
    return found


def _noisy(crop: Float[Tensor, "1 3 h w"], number: int) -> Float[Tensor, "1 3 h w"]:
    noise = torch.randn(crop.shape, generator=torch.Generator().manual_seed(number))
    return (crop + NOISE[number % len(NOISE)] / 255 * noise).clamp(0, 1)
