"""Temporal consistency: outputs of a clip made steady, and how much they flicker.

A network that paints frames one by one also paints their noise anew, which flickers. So every output keeps a part of
the frame before, moved along with the source (Bonneel et al., "Blind video temporal consistency", 2015, state the
objective): a running mean along the motion, which needs only the last frame. Where the motion is not known, for example
after a cut, the new frame counts alone. Flicker is the warping error of an output against that of the source.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from prismgan import images
from prismgan.images.filters import unoccluded, warp, warping_error
from prismgan.packages import require
from prismgan.render.video.clip import Reader, open_clip
from prismgan.render.video.container import PixelArray

FineArray = NDArray[np.uint16]
Numbers = NDArray[np.float32]
STEADY = 0.88  # part that stays by default: looks then flicker about as much as their source (``docs/log.md``)
MOST_KEPT = 0.95  # largest part of the frame before that may stay; more would smear
LONGEST = 640  # longer side of frames for motion; at 480 it takes half the time, and quick clips flicker a third more
LOWEST = 16  # fewer rows or columns no motion is found in
LIKE = 25 / 255  # a colour difference to the frame before, moved, at which the motion is trusted by a third (1 / e)
FINE = 256  # parts of a level that the running mean is kept in
AROUND = 5  # side of the window over which this difference and the visibility are averaged, against noise
SOURCE = "source"  # no task may have that name
FRAMES = 48
WIDEST = 640


class Motion(NamedTuple):
    """How a frame of the source came out of the frame before it."""

    places: Numbers
    """(h, w, 2): how far to the right and down a pixel's content lay in the frame before, as shares of width and
    height."""
    trust: Numbers  # (h, w), 0 to 1: how sure it is that the content is the same


def motion(before: PixelArray, now: PixelArray) -> Motion:
    """The motion from one frame (H, W, 3) to the next, on a raster of at most :data:`LONGEST` pixels a side."""
    require("clips", "video", "cv2")
    import cv2

    height, width = now.shape[:2]
    shorten = max(1.0, max(height, width) / LONGEST)
    size = tuple(max(min(side, LOWEST), round(side / shorten)) for side in (width, height))
    frames = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (before, now))
    first, second = (torch.from_numpy(np.asarray(each)).permute(2, 0, 1) for each in frames)
    backward = flow(second, first)
    visible = unoccluded(flow(first, second), backward)
    moved, _ = warp(first[None] / 255, backward)
    difference = (moved - second / 255).abs().amax(dim=1)[0].numpy()
    likeness = np.exp(-((cv2.blur(difference, (AROUND, AROUND)) / LIKE) ** 2))
    places = backward[0].permute(1, 2, 0).numpy() / np.array(size, np.float32)
    # A sharp edge between known and unknown motion would be visible in the output.
    known = cv2.blur(visible[0].numpy().astype(np.float32), (AROUND, AROUND))
    return Motion(np.ascontiguousarray(places), np.asarray(likeness * known, np.float32))


class TemporalSmoother:
    """Makes the looks of consecutive frames steady.

    Args:
        kept: by look the part of the frame before that stays, 0 to :data:`MOST_KEPT`.
        last: the outputs of the frame before the first, for resuming; see :attr:`last`.
    """

    def __init__(self, kept: Mapping[str, float], last: Mapping[str, FineArray] | None = None) -> None:
        self.kept = {name: part for name, part in kept.items() if part > 0}
        self.last: dict[str, FineArray] = dict(last or {})
        """Outputs of the frame before in :data:`FINE` parts of a level. In whole levels a mean that moves by less than
        half of one would stand still, and an old frame be seen for ever."""

    def __call__(self, looks: Mapping[str, PixelArray], moved: Motion | None) -> dict[str, PixelArray]:
        """The looks (sH, sW, 3) of the next frame, which moved like this; None for the first of a clip."""
        steady = dict(looks)
        enlarged: dict[tuple[int, int], Motion] = {}
        for name, part in self.kept.items():
            now = looks[name]
            fine = now.astype(np.uint16) * FINE
            if moved is not None and name in self.last:
                height, width = now.shape[:2]
                if (height, width) not in enlarged:
                    enlarged[height, width] = _enlarged(moved, height, width)
                fine = _blended(self.last[name], fine, enlarged[height, width], part)
                steady[name] = ((fine + FINE // 2) // FINE).astype(np.uint8)
            self.last[name] = fine
        return steady


def _enlarged(moved: Motion, height: int, width: int) -> Motion:
    """A motion at a look's size; places (sH, sW, 2) are those in the frame before, in pixels."""
    import cv2

    places = cv2.resize(moved.places, (width, height)) * np.array([width, height], np.float32)
    places += np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    return Motion(places, np.asarray(cv2.resize(moved.trust, (width, height)), np.float32))


def _blended(before: FineArray, now: FineArray, moved: Motion, part: float) -> FineArray:
    import cv2

    warped = cv2.remap(before, moved.places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    old = moved.trust * np.float32(part)
    mixed = cv2.blendLinear(warped.astype(np.float32), now.astype(np.float32), old, 1 - old)
    return np.rint(mixed).astype(np.uint16)


def flow(of: UInt8[Tensor, "3 H W"], to: UInt8[Tensor, "3 H W"]) -> Float[Tensor, "1 2 H W"]:
    """For every pixel of one frame, how far to the right and down its content lies in the other, in pixels.

    Kroeger et al., "Fast optical flow using dense inverse search" (2016), OpenCV's medium preset, on grey.
    """
    require("clips", "video", "cv2")
    import cv2

    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    vectors = search.calc(_grey(of), _grey(to), None)
    return torch.from_numpy(vectors).permute(2, 0, 1)[None]


def _grey(pixels: UInt8[Tensor, "3 H W"]) -> np.ndarray:
    return images.to_uint8(images.luma(images.to_float(pixels)[None]))[0, 0].numpy()


# -- flicker --------------------------------------------------------------------------------------


def first_frames(path: Path, most: int = FRAMES, widest: int = WIDEST) -> Iterator[UInt8[Tensor, "3 H W"]]:
    """The first ``most`` frames, 0..255, reduced to a width of at most ``widest`` pixels."""
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
    """Root mean square warping error of looks' files over the source's, on their first 48 frames, at a width of at most
    640 pixels; 1 is as steady. Empty where nothing moves or changes in the source."""

    def pictures() -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        streams = [first_frames(source), *(first_frames(path) for path in looks.values())]
        for original, *made in zip(*streams, strict=False):
            height, width = original.shape[1:]
            shown = {SOURCE: original, **dict(zip(looks, made, strict=True))}
            resized = {name: images.to_float(_resized(pixels, height, width)) for name, pixels in shown.items()}
            yield original, {name: (image[None] + 1) / 2 for name, image in resized.items()}

    errors, _ = warping_errors(pictures())
    base = errors.pop(SOURCE, 0.0)
    return {name: (error / base) ** 0.5 for name, error in errors.items()} if base else {}


def _resized(pixels: UInt8[Tensor, "3 H W"], height: int, width: int) -> UInt8[Tensor, "3 h w"]:
    if pixels.shape[1:] == (height, width):
        return pixels
    return images.to_uint8(images.resize(images.to_float(pixels), height, width))
