"""Super-resolution, denoising, JPEG and clean pictures on the sets that papers use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from prismgan import images
from prismgan.data import Condition
from prismgan.data.degradation import add_noise
from prismgan.data.streams import stream
from prismgan.evaluation.benchmarks.literature import DENOISING, SUPER_RESOLUTION
from prismgan.evaluation.benchmarks.matlab import cropped, reduced, shaved
from prismgan.evaluation.benchmarks.suite import Bench, Row, Suite, as_file, test_set
from prismgan.metrics import PSNR, PSNR_Y, Metric

__all__ = ["RESTORATION"]

NAME = "restoration"
ENLARGED = ("set5", "set14", "bsd100")
REPAIRED = "cbsd68"
SIGMAS = (15, 25, 50)
QUALITY = 30

Degrade = Callable[[Float[Tensor, "3 H W"], torch.Generator], Float[Tensor, "3 H W"]]


def _lacks(folder: Path) -> str | None:
    names = (*ENLARGED, REPAIRED)
    return None if any(test_set(folder, name) for name in names) else f"one of test/{', test/'.join(names)}"


def _measure(bench: Bench) -> Iterator[Row]:
    for entry in bench.of_kind("super_resolution"):
        for name in ENLARGED:
            yield from _enlarged(bench, entry.name, entry.scale, name)
    yield from _repaired(bench, [entry.name for entry in bench.of_kind("restore")])


def _enlarged(bench: Bench, task: str, scale: int, name: str) -> Iterator[Row]:
    """PSNR of Y, a border of ``scale`` pixels left out, both as in papers, against bicubic enlargement."""
    files = test_set(bench.folder, name)
    if not files:
        return
    bench.announce(f"{task}: {name}, {len(files)} pictures")
    values, baselines = [], []
    for file in files:
        large, small = _pair(bench.folder, file, scale)
        source, expected = images.to_float(small), shaved(images.to_float(large)[None], scale)
        output = bench.render(source, [task])[task]
        bicubic = as_file(images.upsample(source[None], scale))
        values.append(float(PSNR_Y(shaved(output, scale), expected)))
        baselines.append(float(PSNR_Y(shaved(bicubic, scale), expected)))
    literature = SUPER_RESOLUTION.get((name, scale), {})
    yield _row(task, f"{name} x{scale}", PSNR_Y, values, baselines, literature)


def _pair(folder: Path, file: Path, scale: int) -> tuple[UInt8[Tensor, "3 sH sW"], UInt8[Tensor, "3 H W"]]:
    """A test picture and its small version: the published one where the folder has it."""
    large = cropped(images.read(file), scale)
    published = folder / "test" / f"{file.parent.name}_lr_matlab" / f"x{scale}" / f"{file.stem}x{scale}.png"
    small = images.read(published) if published.exists() else reduced(large, scale)
    height, width = (side * scale for side in small.shape[1:])
    return large[:, :height, :width], small


def _repaired(bench: Bench, tasks: list[str]) -> Iterator[Row]:
    """PSNR over RGB of what restoration makes of degraded pictures, and of clean ones, which it should leave alone."""
    files = test_set(bench.folder, REPAIRED)
    if not files or not tasks:
        return
    for condition, (degrade, literature) in _conditions().items():
        bench.announce(f"{', '.join(tasks)}: {REPAIRED} {condition}, {len(files)} pictures")
        values, baselines = defaultdict(list), []
        for file in files:
            clean = images.to_float(images.read(file))
            source = degrade(clean, stream("benchmark", file.stem))
            baselines.append(float(PSNR(as_file(source[None]), clean[None])))
            for task, output in bench.render(source, tasks).items():
                values[task].append(float(PSNR(output, clean[None])))
        for task in tasks:
            known = None if condition == "clean" else baselines
            yield _row(task, f"{REPAIRED} {condition}", PSNR, values[task], known, literature)


def _conditions() -> dict[str, tuple[Degrade, Mapping[str, float]]]:
    """What is done to a clean picture, and what others reach. Noise that is not clipped is the literature's."""
    found: dict[str, tuple[Degrade, Mapping[str, float]]] = {}
    for sigma in SIGMAS:
        found[f"sigma-{sigma}"] = (Condition(name="noise", noise=sigma).apply, DENOISING[sigma])
        found[f"sigma-{sigma} unclipped"] = (_unclipped(sigma), DENOISING[sigma])
    found[f"jpeg-{QUALITY}"] = (Condition(name="jpeg", jpeg=QUALITY).apply, {})
    found["clean"] = (lambda clean, _: clean, {})
    return found


def _unclipped(sigma: float) -> Degrade:
    """The same noise as the condition's, but values outside [-1, 1], which no file could hold, stay."""
    return lambda clean, generator: add_noise(clean, sigma, generator)


def _row(
    task: str,
    condition: str,
    metric: Metric,
    values: list[float],
    baselines: list[float] | None,
    literature: Mapping[str, float],
) -> Row:
    return Row(
        suite=NAME,
        task=task,
        condition=condition,
        metric=metric.name,
        unit=metric.unit,
        better=metric.better,
        value=sum(values) / len(values),
        baseline=None if baselines is None else sum(baselines) / len(baselines),
        count=len(values),
        literature=literature,
    )


RESTORATION = Suite(NAME, _lacks, _measure)
