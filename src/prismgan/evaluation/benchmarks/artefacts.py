"""Artefacts of styles: flicker on video, as the warping error relative to the source's, and grids."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from prismgan import images
from prismgan.errors import PictureError
from prismgan.evaluation.benchmarks.suite import UNSEEN, Bench, Suite, mean_row, one_of, unseen_photos
from prismgan.evaluation.measurement import Figure, Measurement
from prismgan.images import luma
from prismgan.render.video.consistency import SOURCE, STEADY, TemporalSmoother, first_frames, motion, warping_errors

STEADIED = ", steadied"  # suffix for the output of `TemporalSmoother`
AIM = 1.6  # maximum flicker of a style relative to its source that we allow, as a ratio of root mean squares
SUFFIXES = frozenset({".mp4", ".mkv", ".mov", ".webm", ".avi"})


def find_clips(folder: Path) -> list[Path]:
    """The clips in a folder, by name; none if there is no such folder."""
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def _pictures(bench: Bench, clip: Path) -> Iterator[tuple[UInt8[Tensor, "3 H W"], dict[str, Float[Tensor, "1 3 H W"]]]]:
    """Every frame with all pictures of it, in [0, 1]: the source, every style rendered from this frame alone, and, with
    the suffix :data:`STEADIED`, the style as ``prismgan video`` writes it."""
    smoother = TemporalSmoother(dict.fromkeys(bench.styles, STEADY))
    before: UInt8[Tensor, "3 H W"] | None = None
    for frame in first_frames(clip):
        rendered = bench.render(images.to_float(frame), bench.styles)
        moved = None if before is None else motion(_array(before), _array(frame))
        smoothed = smoother({name: _array(images.to_uint8(image)[0]) for name, image in rendered.items()}, moved)
        shown = {f"{name}{STEADIED}": images.from_pixels(pixels) for name, pixels in smoothed.items()}
        pictures = {SOURCE: images.to_float(frame)[None], **rendered, **shown}
        yield frame, {name: (image + 1) / 2 for name, image in pictures.items()}
        before = frame


def _array(pixels: UInt8[Tensor, "3 H W"]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())


def _flicker(bench: Bench) -> Iterator[Measurement]:
    if not bench.styles:
        return
    for clip in find_clips(bench.folder / "video"):
        bench.announce(f"{', '.join(bench.styles)}: {clip.name}")
        errors, pairs = warping_errors(_pictures(bench, clip))
        source = errors.pop(SOURCE, 0.0)
        if not source:
            bench.left_out.append(f"{clip.name}: nothing moves or changes in it, so flicker cannot be measured")
            continue
        for name, error in errors.items():
            style = name.removesuffix(STEADIED)
            where = clip.stem if name == style else f"{clip.stem}{STEADIED}"
            for metric, value, baseline, target in (
                ("warping_error", error**0.5, source**0.5, None),
                ("warping_ratio", (error / source) ** 0.5, 1.0, AIM),
                ("warping_ratio_squared", error / source, 1.0, None),
            ):
                figure = Figure(metric, better="lower")
                yield mean_row(style, where, figure, [value], [baseline], count=pairs, target=target)


def _lacks(folder: Path) -> str | None:
    return None if find_clips(folder / "video") else "clips in video/"


CONSISTENCY = Suite("steadiness", _lacks, _flicker, modules=("av", "cv2"))


PEAK = Figure("grid_peak", "dB", "lower")
WINDOW = 64  # side in pixels of the windows whose spectra are averaged; the minimum side of a picture
PERIODS = (2, 4)  # periods, in pixels, of artefacts of sub-pixel layers at 1/2 and 1/4 of the resolution
NEIGHBOURS = (-5, -4, -3, -2, 2, 3, 4, 5)  # of a peak, in bins of the spectrum; the window itself blurs by one bin


def _grids(bench: Bench) -> Iterator[Measurement]:
    if not bench.styles:
        return
    photos = unseen_photos(bench)
    bench.announce(f"{', '.join(bench.styles)}: grids, {len(photos)} photos")
    peaks = defaultdict(list)
    for photo in photos:
        for name, picture in bench.render(photo, bench.styles).items():
            peaks[name].append(float(grid_peak(picture)))
    source = [float(grid_peak(photo[None])) for photo in photos]
    for name, values in peaks.items():
        yield mean_row(name, UNSEEN, PEAK, values, source)


GRIDS = Suite("grids", one_of(UNSEEN), _grids)


def grid_peak(images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """Height of the strongest peak at a grid's frequencies (periods of 2, 4 or none along rows and columns) above its
    own row and column of the spectrum, in dB. Photos have 0.6 to 2.6 dB, photos plus a grid of one level of 255 have 9
    or more. The spectrum is that of luma in Hann windows. It is averaged geometrically, because a grid shows in flat
    regions, and windows with strong texture would dominate an arithmetic mean."""
    if min(images.shape[-2:]) < WINDOW:
        size = f"found {images.shape[-1]}x{images.shape[-2]}"
        raise PictureError(f"grid_peak: expected at least {WINDOW}x{WINDOW} pixels, {size}")
    tiles = luma(images.float())[:, 0].unfold(1, WINDOW, WINDOW // 2).unfold(2, WINDOW, WINDOW // 2).flatten(1, 2)
    hann = torch.hann_window(WINDOW, device=images.device)
    window = torch.outer(hann, hann)
    spectra = torch.fft.fft2((tiles - tiles.mean(dim=(2, 3), keepdim=True)) * window).abs().square()
    # The power of rounding to 8 bits, below which nothing is visible; it keeps logarithms of flat windows finite.
    rounding = (2 / 255) ** 2 / 12 * window.square().sum()
    decibels = 10 * (spectra + rounding).log10().mean(dim=1)
    peaks = decibels - torch.maximum(_neighbourhood(decibels, 1), _neighbourhood(decibels, 2))
    bins = torch.tensor(sorted({0} | {WINDOW * part // period for period in PERIODS for part in range(1, period)}))
    heights = peaks[:, bins][:, :, bins].flatten(1)
    return heights[:, 1:].amax(dim=1)  # the first is frequency 0, the mean


def _neighbourhood(spectrum: Float[Tensor, "B H W"], dimension: int) -> Float[Tensor, "B H W"]:
    """Median of a bin's neighbours along one dimension; spectra are periodic."""
    return torch.stack([spectrum.roll(shift, dimension) for shift in NEIGHBOURS]).median(dim=0).values
