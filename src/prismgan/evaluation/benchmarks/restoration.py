"""Super-resolution and restoration on the sets that papers use, and of realistically degraded photos."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import yaml
from jaxtyping import Float, UInt8
from torch import Tensor

from prismgan import images
from prismgan.data import Condition
from prismgan.data.streams import stream
from prismgan.evaluation.benchmarks.suite import Bench, Suite, as_file, mean_row, one_of, test_set
from prismgan.evaluation.measurement import Measurement
from prismgan.metrics import PSNR, PSNR_Y, Metric

REPAIRED = "cbsd68"
CLEAN = "clean"  # the name for no degradation
Pair = tuple[Float[Tensor, "3 H W"], Float[Tensor, "3 sH sW"]]  # a source, and the true picture

LITERATURE = yaml.safe_load(Path(__file__).with_name("literature.yaml").read_text(encoding="utf-8"))
SUPER_RESOLUTION: Mapping[str, Mapping[int, Mapping[str, float]]] = LITERATURE["super_resolution"]
DENOISING: Mapping[int, Mapping[str, float]] = LITERATURE["denoising"]


class Fault(NamedTuple):
    condition: Condition  # degradation of a clean photo before it is restored
    gain: float | None = None  # target in dB
    literature: Mapping[str, float] = {}


class Judged(NamedTuple):
    metric: Metric
    border: int  # pixels ignored at each border, as in papers
    aim: float | None = None
    literature: Mapping[str, float] = {}


def _measure(bench: Bench) -> Iterator[Measurement]:
    for entry in bench.of_kind("super_resolution"):
        for name, by_scale in SUPER_RESOLUTION.items():
            # A border of `scale` pixels is ignored, as in papers.
            judged = [Judged(PSNR_Y, entry.scale, literature=by_scale.get(entry.scale, {}))]
            yield from _enlarged(bench, entry.name, entry.scale, name, judged)
    faults = []
    for sigma, literature in DENOISING.items():
        faults.append(Fault(Condition(name=f"sigma-{sigma}", noise=sigma), literature=literature))
        # As in the literature, values outside [-1, 1] are kept, although no file can store them.
        unclipped = Condition(name=f"sigma-{sigma} unclipped", noise=sigma, unclipped=True)
        faults.append(Fault(unclipped, literature=literature))
    yield from _repaired(bench, [*faults, Fault(Condition(name=CLEAN))])


def _enlarged(
    bench: Bench, task: str, scale: int, name: str, judged: Sequence[Judged], jpeg: int | None = None
) -> Iterator[Measurement]:
    """Enlargement of reduced, and optionally JPEG-compressed, photos compared with bicubic enlargement."""
    files = test_set(bench.folder, name)
    if not files:
        return
    condition = Condition(name=name if jpeg is None else f"{name} jpeg-{jpeg}", jpeg=jpeg)
    bench.announce(f"{task}: {condition.name}, {len(files)} pictures")

    def pairs() -> Iterator[tuple[Tensor, Tensor]]:
        for file in files:
            large, small = _pair(bench.folder, file, scale)
            yield condition.apply(images.to_float(small), stream("benchmark", file.stem)), images.to_float(large)

    yield from against_bicubic(bench, task, f"{condition.name} x{scale}", pairs(), judged)


def against_bicubic(
    bench: Bench, task: str, condition: str, pairs: Iterable[Pair], judged: Sequence[Judged]
) -> Iterator[Measurement]:
    """Metrics of a task's outputs and of bicubic enlargement, both compared with the true pictures."""
    values: dict[str, list[float]] = {each.metric.name: [] for each in judged}
    baselines: dict[str, list[float]] = {each.metric.name: [] for each in judged}
    for source, large in pairs:
        output, expected = bench.render(source, [task])[task], large[None]
        bicubic = as_file(images.upsample(source[None], large.shape[-1] // source.shape[-1]))
        for metric, border, *_ in judged:
            for picture, scores in ((output, values), (bicubic, baselines)):
                inner, wanted = images.interior(picture, border), images.interior(expected, border)
                scores[metric.name].append(float(metric(inner, wanted)))
    for metric, _, aim, literature in judged:
        numbers = values[metric.name], baselines[metric.name]
        yield mean_row(task, condition, metric, *numbers, target=aim, literature=literature)


def _pair(folder: Path, file: Path, scale: int) -> tuple[UInt8[Tensor, "3 sH sW"], UInt8[Tensor, "3 H W"]]:
    """A test picture and its small version: the published one, if the folder has it."""
    large = cropped(images.read(file), scale)
    published = folder / "test" / f"{file.parent.name}_lr_matlab" / f"x{scale}" / f"{file.stem}x{scale}.png"
    small = images.read(published) if published.exists() else reduced(large, scale)
    height, width = (side * scale for side in small.shape[1:])
    return large[:, :height, :width], small


def _repaired(bench: Bench, faults: Iterable[Fault]) -> Iterator[Measurement]:
    """PSNR over RGB of restored degraded pictures, and of clean ones, which restoration should not change."""
    files = test_set(bench.folder, REPAIRED)
    tasks = [entry.name for entry in bench.of_kind("restore")]
    if not files or not tasks:
        return
    for condition, gain, literature in faults:
        where = f"{REPAIRED} {condition.name}"
        bench.announce(f"{', '.join(tasks)}: {where}, {len(files)} pictures")
        values, baselines = defaultdict(list), []
        for file in files:
            clean = images.to_float(images.read(file))
            source = condition.apply(clean, stream("benchmark", file.stem))
            baselines.append(float(PSNR(as_file(source[None]), clean[None])))
            for task, output in bench.render(source, tasks).items():
                values[task].append(float(PSNR(output, clean[None])))
        aim = None if gain is None else sum(baselines) / len(baselines) + gain
        known = None if condition.name == CLEAN else baselines
        for task in tasks:
            yield mean_row(task, where, PSNR, values[task], known, target=aim, literature=literature)


RESTORATION = Suite("restoration", one_of(*SUPER_RESOLUTION, REPAIRED), _measure)


def cropped(pixels: UInt8[Tensor, "3 H W"], scale: int) -> UInt8[Tensor, "3 h w"]:
    """Crop at the right and at the bottom, so that both sides are multiples of ``scale`` ("modcrop")."""
    height, width = (side - side % scale for side in pixels.shape[1:])
    return pixels[:, :height, :width]


def reduced(pixels: UInt8[Tensor, "3 H W"], scale: int) -> UInt8[Tensor, "3 H/s W/s"]:
    """``imresize(pixels, 1 / scale)`` with MATLAB's default, antialiased bicubic; sides are multiples of ``scale``.
    MATLAB shrinks rows, then columns, and rounds to 8 bits after both; the small pictures of Set5 are bit-exact."""
    height, width = (side // scale for side in pixels.shape[1:])
    lower = _rounded(images.resize(pixels.double(), height, pixels.shape[2]))
    return _rounded(images.resize(lower, height, width)).to(torch.uint8)


def _rounded(levels: Tensor) -> Tensor:
    """To whole levels 0..255, halves upwards."""
    return (levels + 0.5).floor().clamp(0, 255)


PHOTOS_TO_ENLARGE = "bsd100"
QUALITIES = (75, 40)  # JPEG qualities of the photos before enlargement
BLOCK = 8  # side in pixels of JPEG's blocks
MOST_BLOCKINESS = 1.1

BLURRED = [
    Fault(Condition(name="gaussian-1.6", gaussian_blur=1.6), 2.0),
    Fault(Condition(name="motion-9", motion_blur=9), 1.5),
    Fault(Condition(name="gaussian-1.6 sigma-5", gaussian_blur=1.6, noise=5), 1.2),
    Fault(Condition(name="defocus-2", defocus=2)),
]
COMPRESSED = [
    Fault(Condition(name="jpeg-10", jpeg=10), 1.4),
    Fault(Condition(name="jpeg-30", jpeg=30), 1.3),
    Fault(Condition(name="jpeg-20 jpeg-60", first_jpeg=20, jpeg=60)),
]
NOISY = [
    Fault(Condition(name="grain-2 sigma-15", noise=15, grain=2)),
    Fault(Condition(name="grain-3 sigma-25", noise=25, grain=3)),
    Fault(Condition(name="sigma-15 through jpeg-40", noise=15, grain_jpeg=40)),
    Fault(Condition(name="photons-20", noise=20, poisson=True)),
]


def _compressed(bench: Bench) -> Iterator[Measurement]:
    yield from _repaired(bench, COMPRESSED)
    judged = [Judged(PSNR_Y, 2), Judged(BLOCKINESS, 0, MOST_BLOCKINESS)]
    for entry in bench.of_kind("super_resolution"):
        if entry.scale == 2:
            for quality in QUALITIES:
                yield from _enlarged(bench, entry.name, 2, PHOTOS_TO_ENLARGE, judged, quality)


def blockiness(output: Float[Tensor, "B 3 H W"], expected: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    """Steps at the block borders of a JPEG that was enlarged by 2, relative to steps elsewhere, divided by the same
    ratio of the true picture; 1 if no block is visible."""
    return _steps_at_blocks(output) / _steps_at_blocks(expected)


def _steps_at_blocks(image: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
    period = 2 * BLOCK
    ratios = []
    for dimension in (-2, -1):
        steps = image.diff(dim=dimension).abs().movedim(dimension, -1).flatten(1, -2).mean(dim=1)
        folded = steps[:, : steps.shape[-1] // period * period].unflatten(-1, (-1, period)).mean(dim=1)
        # An enlarged step is three differences wide: before, at and after the border between two blocks.
        at, elsewhere = folded[:, -2:].sum(dim=1) + folded[:, 0], folded[:, 1:-2].sum(dim=1)
        ratios.append((at / 3) / (elsewhere / (period - 3)).clamp_min(1e-6))
    return (ratios[0] + ratios[1]) / 2


BLOCKINESS = Metric("blockiness", "", "lower", blockiness)


BLUR = Suite("blur", one_of(REPAIRED), lambda bench: _repaired(bench, BLURRED))
JPEG = Suite("jpeg", one_of(PHOTOS_TO_ENLARGE, REPAIRED), _compressed)
CORRELATED = Suite("correlated", one_of(REPAIRED), lambda bench: _repaired(bench, NOISY))
