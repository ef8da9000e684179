"""Pictures that show a task without pairs what its outputs should look like."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from prismgan import images
from prismgan.data import pictures
from prismgan.data.streams import integer, uniform
from prismgan.tasks import Exemplar, PictureName, Task, Unpaired

LEAST_COVER = 0.4
"""Smallest part of an unpaired picture's shorter side that a crop shows."""
ATTEMPTS = 8
"""Squares of an unpaired picture that are tried."""
SHRINKAGE = 0.85
"""Size of a square against that of the last attempt, on average."""
NO_PAPER = 0.01
"""Blankness below which a square is taken at once."""
THUMBNAIL = 96
"""Shorter side in pixels, about, of what the choice is made on: enough to see a balloon, and fast."""
WHITE = 240
"""Near-white begins above this, of 255."""
SPREAD = 12
"""Most difference between the pixels of a line of one colour, of 255; JPEG adds some."""


def shown_pictures(task: Task) -> tuple[PictureName, ...]:
    """The single pictures of a task without pairs (see :func:`pictures.expand`); none for a task with pairs."""
    return pictures.expand(task.target.pictures) if isinstance(task.target, Exemplar | Unpaired) else ()


def exemplars(task: Task) -> list[Float[Tensor, "3 H W"]]:
    """The pictures that a task's style is learnt from, in [-1, 1], as large as they are shown; none for other tasks."""
    if not isinstance(task.target, Exemplar):
        return []
    return [shown(pictures.load(picture), task.target.size) for picture in shown_pictures(task)]


def exemplar_crop(image: Float[Tensor, "3 H W"], side: int, generator: torch.Generator) -> Float[Tensor, "3 side side"]:
    """A random square of an exemplar, perhaps mirrored.

    It is cut from ``image`` as it is, since brush strokes have to keep their width; only an exemplar smaller than the
    square is enlarged.
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

    Such pictures come in any size; the square shows between 40 and 100 % of the shorter side. Where it holds blank
    paper, such as the balloons and gutters of a comic page, smaller and smaller squares are tried elsewhere, none
    that would have to be enlarged, and the one with the least paper is taken.
    """
    shorter = min(pixels.shape[1:])
    step = max(1, shorter // THUMBNAIL)
    best, least = pixels, math.inf
    for attempt in range(ATTEMPTS):
        cover = uniform(generator, LEAST_COVER, 1.0) * SHRINKAGE**attempt
        square = _square(pixels, max(round(shorter * cover), min(side, shorter)), generator)
        paper = blankness(square[:, ::step, ::step])
        if paper < least:
            best, least = square, paper
        if least < NO_PAPER:
            break
    return images.resize(images.to_float(best), side, side).clamp(-1.0, 1.0)


def blankness(pixels: UInt8[Tensor, "3 H W"]) -> float:
    """How much of a drawing is paper: balloons, gutters, bars; 0 for none, at most 3.

    The sum of three shares: of pixels that are near-white with all their neighbours, of rows and of columns that have
    one colour from end to end.
    """
    white = (pixels > WHITE).all(dim=0)
    paper = -F.max_pool2d(-white[None].float(), 3, stride=1, padding=1)
    parts = [paper.mean()]
    for axis in (1, 2):
        spread = pixels.amax(axis).int() - pixels.amin(axis).int()
        parts.append((spread.amax(0) <= SPREAD).float().mean())
    return float(sum(parts))


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
