"""Photos with faults of the world: blur, JPEG, and noise that is not independent in every pixel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from prismgan import images
from prismgan.data import Condition
from prismgan.data.streams import stream
from prismgan.evaluation.benchmarks.restoration import REPAIRED, cropped, reduced, repaired, shaved
from prismgan.evaluation.benchmarks.suite import Bench, Row, Suite, as_file, mean_row, test_set
from prismgan.metrics import PSNR_Y, Metric

__all__ = ["BLUR", "CORRELATED", "JPEG", "blockiness"]

ENLARGED = "bsd100"
QUALITIES = (75, 40)
"""Of the JPEG that photos were saved as before they are enlarged."""
BLOCK = 8
"""Side in pixels of JPEG's blocks."""
MOST_BLOCKINESS = 1.1

BLURRED: dict[str, tuple[Condition, float | None]] = {
    "gaussian-1.6": (Condition(name="", gaussian_blur=1.6), 2.0),
    "motion-9": (Condition(name="", motion_blur=9), 1.5),
    "gaussian-1.6 sigma-5": (Condition(name="", gaussian_blur=1.6, noise=5), 1.2),
    "defocus-2": (Condition(name="", defocus=2), None),
}
"""Conditions, with the gain in dB that we aim at."""
COMPRESSED: dict[str, tuple[Condition, float | None]] = {
    "jpeg-10": (Condition(name="", jpeg=10), 1.4),
    "jpeg-30": (Condition(name="", jpeg=30), 1.3),
    "jpeg-20 jpeg-60": (Condition(name="", first_jpeg=20, jpeg=60), None),
}
NOISY: dict[str, tuple[Condition, float | None]] = {
    "grain-2 sigma-15": (Condition(name="", noise=15, grain=2), None),
    "grain-3 sigma-25": (Condition(name="", noise=25, grain=3), None),
    "sigma-15 through jpeg-40": (Condition(name="", noise=15, grain_jpeg=40), None),
    "photons-20": (Condition(name="", noise=20, poisson=True), None),
}


def _lacks_photos(folder: Path) -> str | None:
    return None if test_set(folder, REPAIRED) else f"test/{REPAIRED}"


def _repaired(bench: Bench, suite: str, conditions: Mapping[str, tuple[Condition, float | None]]) -> Iterator[Row]:
    for name, (condition, gain) in conditions.items():
        for row in repaired(bench, suite, name, condition.apply, {}):
            aim = None if gain is None or row.baseline is None else row.baseline + gain
            yield row.model_copy(update={"target": aim})


def _compressed(bench: Bench) -> Iterator[Row]:
    yield from _repaired(bench, "jpeg", COMPRESSED)
    for entry in bench.of_kind("super_resolution"):
        if entry.scale == 2:
            for quality in QUALITIES:
                yield from _enlarged(bench, entry.name, quality)


def _enlarged(bench: Bench, task: str, quality: int) -> Iterator[Row]:
    """Photos that were made small and saved, at twice their size: PSNR of Y, and how much of the blocks shows."""
    files = test_set(bench.folder, ENLARGED)
    if not files:
        return
    bench.announce(f"{task}: {ENLARGED} jpeg-{quality}, {len(files)} pictures")
    condition = Condition(name="", jpeg=quality)
    metrics: dict[Metric, float | None] = {PSNR_Y: None, BLOCKINESS: MOST_BLOCKINESS}
    values: dict[str, list[float]] = {metric.name: [] for metric in metrics}
    baselines: dict[str, list[float]] = {metric.name: [] for metric in metrics}
    for file in files:
        large = cropped(images.read(file), 2)
        source = condition.apply(images.to_float(reduced(large, 2)), stream("benchmark", file.stem))
        expected = images.to_float(large)[None]
        output = bench.render(source, [task])[task]
        bicubic = as_file(images.upsample(source[None], 2))
        for picture, found in ((output, values), (bicubic, baselines)):
            found[PSNR_Y.name].append(float(PSNR_Y(shaved(picture, 2), shaved(expected, 2))))
            found[BLOCKINESS.name].append(float(BLOCKINESS(picture, expected)))
    for metric, aim in metrics.items():
        where = f"{ENLARGED} jpeg-{quality} x2"
        yield mean_row("jpeg", task, where, metric, values[metric.name], baselines[metric.name], target=aim)


def blockiness(output: Float[Tensor, "B 3 H W"], expected: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """Steps at the borders of the blocks of a JPEG that was enlarged by 2, against steps elsewhere, divided by the same
    of the true picture: 1 where no block shows."""
    return _steps_at_blocks(output) / _steps_at_blocks(expected)


def _steps_at_blocks(image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    period = 2 * BLOCK
    ratios = []
    for dimension in (-2, -1):
        steps = image.diff(dim=dimension).abs().movedim(dimension, -1).flatten(1, -2).mean(dim=1)
        folded = steps[:, : steps.shape[-1] // period * period].unflatten(-1, (-1, period)).mean(dim=1)
        # An enlarged step is three differences wide: before, at and behind the border between two blocks.
        at, elsewhere = folded[:, -2:].sum(dim=1) + folded[:, 0], folded[:, 1:-2].sum(dim=1)
        ratios.append((at / 3) / (elsewhere / (period - 3)).clamp_min(1e-6))
    return (ratios[0] + ratios[1]) / 2


BLOCKINESS = Metric("blockiness", "", "lower", blockiness)


def _lacks_either(folder: Path) -> str | None:
    return None if test_set(folder, ENLARGED) else _lacks_photos(folder)


BLUR = Suite("blur", _lacks_photos, lambda bench: _repaired(bench, "blur", BLURRED))
JPEG = Suite("jpeg", _lacks_either, _compressed)
CORRELATED = Suite("correlated", _lacks_photos, lambda bench: _repaired(bench, "correlated", NOISY))
