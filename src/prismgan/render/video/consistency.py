"""How much looks flicker: the warping error of their clips against that of the source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, pairwise
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from prismgan import images
from prismgan.images.filters import unoccluded, warping_error
from prismgan.render.video.clip import Reader, open_clip
from prismgan.render.video.smoothing import flow

SOURCE = "source"  # no task may have that name
FRAMES = 48
WIDEST = 640


def first_frames(path: Path, most: int = FRAMES, widest: int = WIDEST) -> Iterator[UInt8[Tensor, "3 H W"]]:
    """The first ``most`` frames, 0..255, reduced to a width of at most ``widest`` pixels.

    Raises:
        PictureError: the file is no clip that can be read.
    """
    clip = open_clip(path)
    for frame in islice(Reader(clip.name).frames(clip), most):
        pixels = torch.from_numpy(frame.pixels).permute(2, 0, 1)
        height, width = pixels.shape[1:]
        yield pixels.contiguous() if width <= widest else _resized(pixels, round(height * widest / width), widest)


def warping_errors(
    frames: Iterable[tuple[UInt8[Tensor, "3 H W"], Mapping[str, Float[Tensor, "1 3 H W"]]]],
) -> tuple[dict[str, float], int]:
    """Mean squared warping error of pictures that move as a source does, and how many pairs of frames it is a mean of.

    Pairs without a single pixel that is visible in both frames are left out. A clip must have no cuts: they are
    flicker of source and looks alike, and would make any look seem steady.

    Args:
        frames: the source's frame that motion is measured on, and by name the pictures, in [0, 1].
    """
    errors: dict[str, list[float]] = defaultdict(list)
    pairs = 0
    for (source_before, before), (source, now) in pairwise(frames):
        backward = flow(source, source_before)
        visible = unoccluded(flow(source_before, source), backward)
        if visible.any():
            pairs += 1
            for name, picture in now.items():
                errors[name].append(float(warping_error(picture, before[name], backward, visible)))
    return {name: sum(values) / len(values) for name, values in errors.items()}, pairs


def clip_consistency(source: Path, looks: Mapping[str, Path]) -> dict[str, float]:
    """Root mean square warping error of looks' files over the source's, on their first 48 frames; 1 is as steady.

    Measured at a width of at most 640 pixels; outputs larger than the source are reduced to its size. Empty where
    nothing moves or changes in the source.

    Raises:
        PictureError: a file cannot be read.
        PrismganError: OpenCV is not installed.
    """

    def pictures() -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        streams = [first_frames(source), *(first_frames(path) for path in looks.values())]
        for original, *made in zip(*streams, strict=False):
            height, width = original.shape[1:]
            shown = {SOURCE: original, **dict(zip(looks, made, strict=True))}
            yield (
                original,
                {
                    name: _unit(pixels if pixels.shape == original.shape else _resized(pixels, height, width))
                    for name, pixels in shown.items()
                },
            )

    errors, _ = warping_errors(pictures())
    base = errors.pop(SOURCE, 0.0)
    return {name: (error / base) ** 0.5 for name, error in errors.items()} if base else {}


def _unit(pixels: UInt8[Tensor, "3 H W"]) -> Float[Tensor, "1 3 H W"]:
    return (images.to_float(pixels)[None] + 1) / 2


def _resized(pixels: UInt8[Tensor, "3 H W"], height: int, width: int) -> UInt8[Tensor, "3 h w"]:
    return images.to_uint8(images.resize(images.to_float(pixels), height, width))
