"""Grids that a look has and its photo has not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan.errors import PictureError
from prismgan.evaluation.benchmarks.suite import UNSEEN, Bench, Row, Suite, test_set, unseen_photos
from prismgan.images import luma

NAME = "grids"


def _lacks(folder: Path) -> str | None:
    return None if test_set(folder, UNSEEN) else f"test/{UNSEEN}"


def _measure(bench: Bench) -> Iterator[Row]:
    if not bench.looks:
        return
    photos = unseen_photos(bench)
    bench.announce(f"{', '.join(bench.looks)}: grids, {len(photos)} photos")
    peaks = defaultdict(list)
    for photo in photos:
        for name, picture in bench.render(photo, bench.looks).items():
            peaks[name].append(float(grid_peak(picture)))
    source = sum(float(grid_peak(photo[None])) for photo in photos) / len(photos)
    for name, values in peaks.items():
        yield Row(
            suite=NAME,
            task=name,
            condition=UNSEEN,
            metric="grid_peak",
            unit="dB",
            better="lower",
            value=sum(values) / len(values),
            baseline=source,
            count=len(photos),
        )


GRIDS = Suite(NAME, _lacks, _measure)


WINDOW = 64
"""Side in pixels of the windows whose spectra are averaged; a picture must have that many."""
PERIODS = (2, 4)
"""In pixels: the periods of artefacts by sub-pixel layers at 1/2 and 1/4 of the resolution."""
NEIGHBOURS = (2, 3, 4, 5)
"""Distances, in bins of the spectrum, of the neighbours of a peak; the window itself blurs by one bin."""


def grid_peak(images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """How far the strongest peak at a grid's frequencies stands out of its neighbourhood, in dB.

    The spectrum is that of luma in Hann windows that overlap by half, averaged geometrically: a grid shows in flat
    regions, and an arithmetic mean would be that of the few windows with the strongest texture. Peaks are looked for
    at all frequencies whose periods along rows and along columns are 2, 4, or none. Photos have strong lines in the
    spectrum, along its axes above all, so a peak has to stand out from its own row of the spectrum and from
    its column. Photos have 0.6 to 2.6 dB, photos plus a grid of one level of 255 have 9 or more.

    Raises:
        PictureError: a side has fewer than :data:`WINDOW` pixels.
    """
    if min(images.shape[-2:]) < WINDOW:
        raise PictureError(
            f"grid_peak: expected at least {WINDOW}x{WINDOW} pixels, found {images.shape[-1]}x{images.shape[-2]}"
        )
    tiles = luma(images.float())[:, 0].unfold(1, WINDOW, WINDOW // 2).unfold(2, WINDOW, WINDOW // 2).flatten(1, 2)
    hann = torch.hann_window(WINDOW, device=images.device)
    window = torch.outer(hann, hann)
    spectra = torch.fft.fft2((tiles - tiles.mean(dim=(2, 3), keepdim=True)) * window).abs().square()
    # The power of rounding to 8 bits: below it there is nothing to be seen, and a flat window has a logarithm.
    rounding = (2 / 255) ** 2 / 12 * window.square().sum()
    decibels = 10 * (spectra + rounding).log10().mean(dim=1)
    lines = [_neighbourhood(decibels, dimension) for dimension in (1, 2)]
    peaks = decibels - torch.maximum(*lines)
    bins = torch.tensor(sorted({0} | {WINDOW * part // period for period in PERIODS for part in range(1, period)}))
    found = peaks[:, bins][:, :, bins].flatten(1)
    return found[:, 1:].amax(dim=1)  # the first is frequency 0, the mean


def _neighbourhood(spectrum: Float[Tensor, "B H W"], dimension: int) -> Float[Tensor, "B H W"]:
    """Median of a bin's neighbours along one dimension; a spectrum goes on at its other end."""
    shifted = [spectrum.roll(sign * distance, dimension) for distance in NEIGHBOURS for sign in (-1, 1)]
    return torch.stack(shifted).median(dim=0).values
