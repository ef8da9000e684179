"""Pictures that show a task without pairs what its outputs should look like."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from prismgan import images
from prismgan.data import pictures
from prismgan.data.streams import integer, uniform
from prismgan.tasks import Exemplar, Picture, Task, Unpaired

__all__ = ["exemplar_crop", "exemplars", "shown", "shown_pictures", "unpaired_crop"]

LEAST_COVER = 0.4
"""Smallest part of an unpaired picture's shorter side that a crop shows."""


def shown_pictures(task: Task) -> tuple[Picture, ...]:
    """The single pictures of a task without pairs; none for a task with pairs.

    Raises:
        PictureError: a folder of the task holds no picture.
        DataError: there is no built-in picture of that name.
    """
    if isinstance(task.target, Exemplar | Unpaired):
        return pictures.expand(task.target.pictures)
    return ()


def exemplars(
    task: Task, load: Callable[[Picture], UInt8[Tensor, "3 H W"]] = pictures.load
) -> list[Float[Tensor, "3 H W"]]:
    """The pictures whose look a task's losses are built from, at the size they are shown at.

    Returns:
        One image in [-1, 1] for each exemplar; none for a task that is no exemplar's.

    Raises:
        PictureError: an exemplar is missing or cannot be read.
        DataError: there is no built-in picture of that name.
    """
    if not isinstance(task.target, Exemplar):
        return []
    return [shown(load(picture), task.target.size) for picture in shown_pictures(task)]


def exemplar_crop(image: Float[Tensor, "3 H W"], side: int, generator: torch.Generator) -> Float[Tensor, "3 side side"]:
    """A random square of an exemplar, perhaps mirrored.

    It is cut at the size that the exemplar is shown at (see :func:`shown`), for brush strokes have to keep
    their width; only an exemplar smaller than the square is enlarged.
    """
    shorter = min(image.shape[1:])
    if shorter < side:
        height, width = (math.ceil(length * side / shorter) for length in image.shape[1:])
        image = images.resize(image, height, width).clamp(-1.0, 1.0)
    return _square(image, side, generator)


def unpaired_crop(
    pixels: UInt8[Tensor, "3 H W"], side: int, generator: torch.Generator
) -> Float[Tensor, "3 side side"]:
    """A random square of a picture of an unpaired domain, in [-1, 1], perhaps mirrored.

    Such pictures come in any size; the square shows between 40 and 100 % of the shorter side.
    """
    extent = max(1, round(min(pixels.shape[1:]) * uniform(generator, LEAST_COVER, 1.0)))
    square = images.to_float(_square(pixels, extent, generator))
    return images.resize(square, side, side).clamp(-1.0, 1.0)


def shown(pixels: UInt8[Tensor, "3 H W"], size: int) -> Float[Tensor, "3 h w"]:
    """An exemplar in [-1, 1], its longest side brought to ``size`` pixels."""
    factor = size / max(pixels.shape[1:])
    height, width = (max(1, round(length * factor)) for length in pixels.shape[1:])
    return images.resize(images.to_float(pixels), height, width).clamp(-1.0, 1.0)


def _square(image: Tensor, side: int, generator: torch.Generator) -> Tensor:
    top = integer(generator, 0, image.shape[1] - side)
    left = integer(generator, 0, image.shape[2] - side)
    square = image[:, top : top + side, left : left + side]
    return square.flip(-1) if uniform(generator, 0.0, 1.0) < 0.5 else square
