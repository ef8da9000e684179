"""Super-resolution, denoising and clean pictures on the sets that papers use."""

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
from prismgan.evaluation.benchmarks.suite import Bench, Row, Suite, as_file, mean_row, test_set
from prismgan.metrics import PSNR, PSNR_Y

__all__ = ["DENOISING", "REPAIRED", "RESTORATION", "SUPER_RESOLUTION", "cropped", "reduced", "repaired", "shaved"]

NAME = "restoration"
ENLARGED = ("set5", "set14", "bsd100")
REPAIRED = "cbsd68"
SIGMAS = (15, 25, 50)

Degrade = Callable[[Float[Tensor, "3 H W"], torch.Generator], Float[Tensor, "3 H W"]]

SUPER_RESOLUTION: Mapping[tuple[str, int], Mapping[str, float]] = {
    ("set5", 2): {"bicubic": 33.66, "FSRCNN": 37.00, "IMDN": 38.00, "SAFMN": 38.00},
    ("set14", 2): {"bicubic": 30.24, "FSRCNN": 32.63, "IMDN": 33.63, "SAFMN": 33.54},
    ("bsd100", 2): {"bicubic": 29.56, "FSRCNN": 31.53, "IMDN": 32.19, "SAFMN": 32.16},
    ("set5", 4): {"bicubic": 28.42, "FSRCNN": 30.71, "IMDN": 32.21, "SAFMN": 32.18},
    ("set14", 4): {"bicubic": 26.00, "FSRCNN": 27.59, "IMDN": 28.58, "SAFMN": 28.60},
    ("bsd100", 4): {"bicubic": 25.96, "FSRCNN": 26.98, "IMDN": 27.56, "SAFMN": 27.58},
}
"""PSNR in dB of Y, by test set and scale: Dong et al., ECCV 2016 (FSRCNN); Hui et al., ACM MM 2019 (IMDN); Sun et al.,
ICCV 2023 (SAFMN)."""

DENOISING: Mapping[int, Mapping[str, float]] = {
    15: {"DnCNN": 33.90, "AirNet": 33.92, "PromptIR": 33.98},
    25: {"DnCNN": 31.24, "AirNet": 31.26, "PromptIR": 31.31},
    50: {"DnCNN": 27.95, "AirNet": 28.00, "PromptIR": 28.06},
}
"""PSNR in dB over RGB on CBSD68, by sigma: Zhang et al., TIP 2017 (DnCNN); Li et al., CVPR 2022 (AirNet); Potlapalli et
al., NeurIPS 2023 (PromptIR)."""


def _lacks(folder: Path) -> str | None:
    names = (*ENLARGED, REPAIRED)
    return None if any(test_set(folder, name) for name in names) else f"one of test/{', test/'.join(names)}"


def _measure(bench: Bench) -> Iterator[Row]:
    for entry in bench.of_kind("super_resolution"):
        for name in ENLARGED:
            yield from _enlarged(bench, entry.name, entry.scale, name)
    for condition, (degrade, literature) in _conditions().items():
        yield from repaired(bench, NAME, condition, degrade, literature)


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
    yield mean_row(NAME, task, f"{name} x{scale}", PSNR_Y, values, baselines, literature=literature)


def _pair(folder: Path, file: Path, scale: int) -> tuple[UInt8[Tensor, "3 sH sW"], UInt8[Tensor, "3 H W"]]:
    """A test picture and its small version: the published one where the folder has it."""
    large = cropped(images.read(file), scale)
    published = folder / "test" / f"{file.parent.name}_lr_matlab" / f"x{scale}" / f"{file.stem}x{scale}.png"
    small = images.read(published) if published.exists() else reduced(large, scale)
    height, width = (side * scale for side in small.shape[1:])
    return large[:, :height, :width], small


def repaired(
    bench: Bench, suite: str, condition: str, degrade: Degrade, literature: Mapping[str, float]
) -> Iterator[Row]:
    """PSNR over RGB of what restoration makes of degraded pictures, and of clean ones, which it should leave alone."""
    files = test_set(bench.folder, REPAIRED)
    tasks = [entry.name for entry in bench.of_kind("restore")]
    if not files or not tasks:
        return
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
        yield mean_row(suite, task, f"{REPAIRED} {condition}", PSNR, values[task], known, literature=literature)


def _conditions() -> dict[str, tuple[Degrade, Mapping[str, float]]]:
    """What is done to a clean picture, and what others reach. Noise that is not clipped is the literature's."""
    found: dict[str, tuple[Degrade, Mapping[str, float]]] = {}
    for sigma in SIGMAS:
        found[f"sigma-{sigma}"] = (Condition(name="noise", noise=sigma).apply, DENOISING[sigma])
        found[f"sigma-{sigma} unclipped"] = (_unclipped(sigma), DENOISING[sigma])
    found["clean"] = (lambda clean, _: clean, {})
    return found


def _unclipped(sigma: float) -> Degrade:
    """The same noise as the condition's, but values outside [-1, 1], which no file could hold, stay."""
    return lambda clean, generator: add_noise(clean, sigma, generator)


RESTORATION = Suite(NAME, _lacks, _measure)


# -- pictures reduced as MATLAB's ``imresize`` reduces them, to the bit ----------------------------


def cropped(pixels: UInt8[Tensor, "3 H W"], scale: int) -> UInt8[Tensor, "3 h w"]:
    """Cut at the right and at the bottom, so that both sides are multiples of ``scale`` ("modcrop")."""
    height, width = (side - side % scale for side in pixels.shape[1:])
    return pixels[:, :height, :width]


def reduced(pixels: UInt8[Tensor, "3 H W"], scale: int) -> UInt8[Tensor, "3 H/s W/s"]:
    """``imresize(pixels, 1 / scale)`` with MATLAB's default, antialiased bicubic; sides are multiples of ``scale``.

    MATLAB shrinks rows first, then columns, and for 8-bit pixels rounds to 8 bits after either. With that the
    published small pictures of Set5 come out without a single different value; rounded once, one in eight differs.
    """
    height, width = (side // scale for side in pixels.shape[1:])
    lower = _rounded(images.resize(pixels.double(), height, pixels.shape[2]))
    return _rounded(images.resize(lower, height, width)).to(torch.uint8)


def shaved(image: Float[Tensor, "B 3 H W"], border: int) -> Float[Tensor, "B 3 h w"]:
    """Without a border of so many pixels, which papers leave out."""
    return image[..., border:-border, border:-border]


def _rounded(levels: Tensor) -> Tensor:
    """To whole levels 0..255, halves upwards."""
    return (levels + 0.5).floor().clamp(0, 255)
