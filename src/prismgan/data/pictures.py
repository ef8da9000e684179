"""Pictures by reference (a path, or ``builtin:NAME``), a cache of decoded ones, and crops of exemplars."""

import math
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from prismgan import images
from prismgan.data import builtin
from prismgan.data.streams import integer, uniform
from prismgan.errors import PictureError
from prismgan.tasks import Exemplar, PictureName, Task, Unpaired

LEAST_COVER = 0.4  # smallest size of a crop relative to the shorter side of an unpaired picture
ATTEMPTS = 8  # squares of an unpaired picture that are tried
SHRINKAGE = 0.85  # average size of a square relative to the previous attempt
NO_PAPER = 0.01  # blankness below which a square is accepted immediately
THUMBNAIL = 96  # approximate shorter side in pixels for the choice: fast, and enough to see a balloon
WHITE = 240  # values above this, of 255, are near-white
SPREAD = 12  # maximum difference within a line of one colour, of 255, to allow for JPEG


def load(picture: PictureName) -> UInt8[Tensor, "3 H W"]:
    """Decode a picture, pixels 0..255; PrismganError if it is missing, damaged, truncated or not a picture."""
    return builtin.load(picture) if builtin.is_builtin(picture) else images.read(Path(picture))


def expand(pictures: Sequence[PictureName]) -> tuple[PictureName, ...]:
    """Single pictures for folders (all pictures below them, sorted) and for built-in collections. Other paths are kept,
    even if the file does not exist; PictureError if a folder holds no picture."""
    single: list[PictureName] = []
    for picture in pictures:
        if builtin.is_builtin(picture):
            single += builtin.expand(picture)
        elif Path(picture).is_dir():
            single += map(str, images.find_pictures(Path(picture)))
        else:
            single.append(picture)
    return tuple(single)


class Cache:
    """Decoded pictures. ``wanted`` are decoded at construction, in threads, until the memory limit is reached; errors
    are raised only in :meth:`load`. The content stays as it is, so that forked workers share the memory."""

    def __init__(self, wanted: Iterable[PictureName], megabytes: int) -> None:
        self.unreadable: dict[PictureName, str] = {}  # pictures that could not be read so far, and why
        self._kept: dict[PictureName, UInt8[Tensor, "3 H W"]] = {}
        if megabytes > 0:
            self._fill(list(dict.fromkeys(wanted)), megabytes * 2**20)

    def load(self, picture: PictureName) -> UInt8[Tensor, "3 H W"]:
        """Like :func:`load`, but the caller must not write into the result; an unreadable file is read only once."""
        if picture in self._kept:
            return self._kept[picture]
        if picture in self.unreadable:
            raise PictureError(self.unreadable[picture])
        try:
            return load(picture)
        except PictureError as error:
            self.unreadable[picture] = str(error)
            raise

    def _fill(self, wanted: list[PictureName], free: int) -> None:
        def attempt(picture: PictureName) -> UInt8[Tensor, "3 H W"] | None:
            with suppress(PictureError):  # remembered by load
                return self.load(picture)
            return None

        threads = min(8, os.cpu_count() or 1)
        with ThreadPoolExecutor(threads) as pool:
            for start in range(0, len(wanted), threads):
                part = wanted[start : start + threads]
                for picture, pixels in zip(part, pool.map(attempt, part), strict=True):
                    if pixels is not None:
                        free -= pixels.numel()
                        if free < 0:
                            return
                        self._kept[picture] = pixels


def shown_pictures(task: Task) -> tuple[PictureName, ...]:
    """The single pictures of a task without pairs (see :func:`expand`); none for a task with pairs."""
    return expand(task.target.pictures) if isinstance(task.target, Exemplar | Unpaired) else ()


def exemplars(task: Task) -> list[Float[Tensor, "3 H W"]]:
    """The exemplars of a task's style, in [-1, 1], resized; empty for other tasks."""
    if not isinstance(task.target, Exemplar):
        return []
    return [images.fitted(load(picture), task.target.size, enlarge=True) for picture in shown_pictures(task)]


def exemplar_crop(image: Float[Tensor, "3 H W"], side: int, generator: torch.Generator) -> Float[Tensor, "3 side side"]:
    """A random square of an exemplar, possibly mirrored; enlarged only if the exemplar is smaller than that."""
    shorter = min(image.shape[1:])
    if shorter < side:
        height, width = (math.ceil(length * side / shorter) for length in image.shape[1:])
        image = images.resize(image, height, width).clamp(-1.0, 1.0)
    return _square(image, side, generator)


def unpaired_crop(
    pixels: UInt8[Tensor, "3 H W"], side: int, generator: torch.Generator
) -> Float[Tensor, "3 side side"]:
    """A random square of a picture of an unpaired domain, in [-1, 1], possibly mirrored: 40 to 100 % of the shorter
    side. If it contains blank paper, for example the balloons and gutters of a comic page, ever smaller squares are
    tried elsewhere, but none that would have to be enlarged, and the one with the least paper is used."""
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
    """The amount of paper in a drawing, 0 to 3: the share of pixels that are near-white with all their neighbours, plus
    the shares of rows and of columns of a single colour."""
    white = (pixels > WHITE).all(dim=0)
    paper = -F.max_pool2d(-white[None].float(), 3, stride=1, padding=1)
    parts = [paper.mean()]
    for axis in (1, 2):
        spread = pixels.amax(axis).int() - pixels.amin(axis).int()
        parts.append((spread.amax(0) <= SPREAD).float().mean())
    return float(sum(parts))


def _square(image: Tensor, side: int, generator: torch.Generator) -> Tensor:
    top = integer(generator, 0, image.shape[1] - side)
    left = integer(generator, 0, image.shape[2] - side)
    square = image[:, top : top + side, left : left + side]
    return square.flip(-1) if uniform(generator, 0.0, 1.0) < 0.5 else square
