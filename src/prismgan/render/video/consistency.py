"""Temporal consistency: smooths the outputs of a clip, and measures their flicker. A network that paints frames one by
one also paints their noise, which flickers. Every output is therefore blended with its previous frame, warped along the
source's motion: a running mean that needs only the last frame (Bonneel et al., "Blind video temporal consistency",
2015, state the objective). Where the motion is unknown, for example after a cut, only the new frame counts. Flicker is
the warping error of an output relative to that of the source."""

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
STEADY = 0.89  # default share of the previous frame: styles then flicker about as much as sources (``docs/log.md``)
MOST_KEPT = 0.95  # largest share of the previous frame; more would smear
LONGEST = 640  # longer side of frames for motion; 480 takes half the time, but fast clips flicker a third more
LOWEST = 16  # smallest side on which motion can be estimated
LIKE = 25 / 255  # colour difference to the warped previous frame at which the motion is trusted by 1 / e
FINE = 256  # subdivisions of a level in which the running mean is stored
AROUND = 5  # side of the window over which this difference and the visibility of hidden pixels are averaged
SOURCE = "source"  # no task may have that name
FRAMES = 48
WIDEST = 640


class Motion(NamedTuple):
    """The motion from the previous frame of the source to this one."""

    places: Numbers
    """(h, w, 2): offset of a pixel's content in the previous frame, right and down, as fractions of the sides."""
    trust: Numbers  # (h, w), 0 to 1: confidence that the content is the same


def motion(before: PixelArray, now: PixelArray) -> Motion:
    """The motion from one frame (H, W, 3) to the next, on a raster of at most :data:`LONGEST` pixels a side."""
    require("clips", "video", "cv2")
    import cv2

    shorten = max(1.0, max(now.shape[:2]) / LONGEST)
    size = tuple(max(min(side, LOWEST), round(side / shorten)) for side in now.shape[1::-1])
    frames = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (before, now))
    first, second = (torch.from_numpy(np.asarray(each)).permute(2, 0, 1) for each in frames)
    backward = flow(second, first)
    visible = unoccluded(flow(first, second), backward)
    moved, _ = warp(first[None] / 255, backward)
    difference = (moved - second / 255).abs().amax(dim=1)[0].numpy()
    likeness = np.exp(-((cv2.blur(difference, (AROUND, AROUND)) / LIKE) ** 2))
    places = backward[0].permute(1, 2, 0).numpy() / np.array(size, np.float32)
    seen = visible[0].numpy().astype(np.float32)
    # Hidden pixels are trusted by the share of visible ones around them, because a sharp edge would show in the output.
    known = np.maximum(seen, cv2.blur(seen, (AROUND, AROUND)))
    return Motion(np.ascontiguousarray(places), np.asarray(likeness * known, np.float32))


class TemporalSmoother:
    """Smooths the outputs of consecutive frames over time. ``kept`` is the share of the previous frame by output, 0 to
    :data:`MOST_KEPT`; ``last`` are the outputs of the frame before the first one, for resuming (see :attr:`last`)."""

    def __init__(self, kept: Mapping[str, float], last: Mapping[str, FineArray] | None = None) -> None:
        self.kept = {name: part for name, part in kept.items() if part > 0}
        self.last: dict[str, FineArray] = dict(last or {})
        """Outputs of the previous frame, in steps of 1 / :data:`FINE` of a level. In whole levels a mean that changes
        by less than half a level would stand still, and an old frame would remain visible for ever."""

    def __call__(self, outputs: Mapping[str, PixelArray], moved: Motion | None) -> dict[str, PixelArray]:
        """The smoothed outputs (sH, sW, 3) of the next frame; ``moved`` is None for the first frame of a clip."""
        smoothed = dict(outputs)
        enlarged: dict[tuple[int, int], Motion] = {}
        for name, part in self.kept.items():
            now = outputs[name]
            fine = now.astype(np.uint16) * FINE
            if moved is not None and name in self.last:
                height, width = now.shape[:2]
                if (height, width) not in enlarged:
                    enlarged[height, width] = _enlarged(moved, height, width)
                fine = _blended(self.last[name], fine, enlarged[height, width], part)
                smoothed[name] = ((fine + FINE // 2) // FINE).astype(np.uint8)
            self.last[name] = fine
        return smoothed


def _enlarged(moved: Motion, height: int, width: int) -> Motion:
    """A motion at an output's size; places (sH, sW, 2) are positions in the previous frame, in pixels."""
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
    """For every pixel of one frame, the offset of its content in the other, to the right and down, in pixels. Kroeger
    et al., "Fast optical flow using dense inverse search" (2016), OpenCV's medium preset, on grey."""
    require("clips", "video", "cv2")
    import cv2

    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return torch.from_numpy(search.calc(_grey(of), _grey(to), None)).permute(2, 0, 1)[None]


def _grey(pixels: UInt8[Tensor, "3 H W"]) -> np.ndarray:
    return images.to_uint8(images.luma(images.to_float(pixels)[None]))[0, 0].numpy()


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
    """Mean squared warping error of pictures that move with the source, and the number of frame pairs it averages.
    Pairs without any pixel visible in both frames are skipped. The clip must not have cuts, which count as flicker of
    source and outputs alike and would make any output seem consistent. ``frames`` are the source's frame, on which
    motion is measured, and the pictures by name, in [0, 1]."""
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


def clip_consistency(source: Path, outputs: Mapping[str, Path]) -> dict[str, float]:
    """Root mean square warping error of the outputs' files relative to the source's, on the first 48 frames, at a width
    of at most 640 pixels; 1 means equal flicker. Empty if nothing moves or changes in the source."""

    def pictures() -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        streams = [first_frames(source), *(first_frames(path) for path in outputs.values())]
        for original, *made in zip(*streams, strict=False):
            height, width = original.shape[1:]
            shown = {SOURCE: original, **dict(zip(outputs, made, strict=True))}
            resized = {name: images.to_float(_resized(pixels, height, width)) for name, pixels in shown.items()}
            yield original, {name: (image[None] + 1) / 2 for name, image in resized.items()}

    errors, _ = warping_errors(pictures())
    base = errors.pop(SOURCE, 0.0)
    return {name: (error / base) ** 0.5 for name, error in errors.items()} if base else {}


def _resized(pixels: UInt8[Tensor, "3 H W"], height: int, width: int) -> UInt8[Tensor, "3 h w"]:
    if pixels.shape[1:] == (height, width):
        return pixels
    return images.to_uint8(images.resize(images.to_float(pixels), height, width))
