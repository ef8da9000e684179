"""Grids that a look has and its photo has not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from prismgan.evaluation.benchmarks.suite import UNSEEN, Bench, Row, Suite, test_set, unseen_photos
from prismgan.metrics.grid import grid_peak

__all__ = ["GRIDS"]

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
