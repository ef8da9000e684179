"""Time of one render by stage: file, trunk, heads, mixing, pixels, files; and the trunk's share of the machine's peak.

python benchmarks/stages.py                         # the ready-made weights, all tasks, 1280x720, on the CPU
python benchmarks/stages.py photo.jpg --tasks restore,comic --format jpg --json figures.json

All parts are measured in turn in one run. The whole is `prismgan render` for one picture, in one tile; every task has a
strength other than 1, because otherwise nothing would be mixed. The peak is that of the fastest of several 3x3
convolutions with equally many multiplications, float32, channels last; the trunk's time includes the padding of the
source. Where torch has a GPU, hide it: CUDA_VISIBLE_DEVICES= python ...
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from prismgan import images
from prismgan.data import builtin
from prismgan.errors import named_tasks
from prismgan.images import from_pixels, open_picture, write_picture
from prismgan.images.pixels import empty, to_pixels
from prismgan.machine import take_turns
from prismgan.networks import Generator
from prismgan.render import Renderer, Request
from prismgan.render.files import FileRenderer
from prismgan.render.jobs import PictureJob
from prismgan.render.stages import mixture

STRENGTH = 0.5
ONE_TILE = 1 << 40
"""Fixed memory in bytes, independent of the picture."""
CONVOLUTIONS = ((64, 2), (128, 4), (256, 8), (512, 16))
"""Channels and downscaling factors of convolutions that all take the same number of multiplications."""

Timed = dict[str, Callable[[], object]]


def stages(renderer: Renderer, picture: Path, folder: Path, request: Request, suffix: str) -> tuple[Timed, Timed]:
    """The parts of one render, and every head separately."""
    generator, plan = renderer.generator, renderer.plan(request)
    outputs, names = plan.outputs, [output.name for output in plan.outputs]
    opened = open_picture(picture)
    source, latent = from_pixels(opened.pixels), generator.seeded_latent()
    encoded = generator.encode(source, names)
    looks = generator.decode(encoded, latent, names)

    def mixed() -> dict[str, torch.Tensor]:
        bases = {scale: generator.enlarged(source, scale) for scale in {output.scale for output in outputs}}
        return {output.name: mixture(output, looks, bases[output.scale], None) for output in outputs}

    def as_pixels() -> dict[str, NDArray[Any]]:
        found = {}
        for name, image in mixtures.items():
            height, width = image.shape[-2:]
            found[name] = empty(height, width, 8)
            to_pixels(image[0], found[name])
        return found

    def written() -> None:
        for name, array in pixels.items():
            write_picture(folder / f"{name}.{suffix}", replace(opened, pixels=array))

    mixtures = mixed()
    pixels = as_pixels()
    timed: Timed = {
        "decode the file": lambda: open_picture(picture),
        "from pixels": lambda: from_pixels(opened.pixels),
        "trunk": lambda: generator.encode(source, names),
        "heads": lambda: generator.decode(encoded, latent, names),
        "mix": mixed,
        "to pixels": as_pixels,
        "encode the files": written,
    }
    return timed, {name: partial(generator.decode, encoded, latent, [name]) for name in names}


def convolutions(height: int, width: int) -> tuple[Timed, dict[str, int]]:
    """3x3 convolutions for a picture of this size, and their floating-point operations."""
    timed: Timed = {}
    operations = {}
    for channels, reduction in CONVOLUTIONS:
        maps = torch.randn(1, channels, height // reduction, width // reduction).to(memory_format=torch.channels_last)
        weight = torch.randn(channels, channels, 3, 3).to(memory_format=torch.channels_last)
        label = f"{channels} channels at {maps.shape[-1]}x{maps.shape[-2]}"
        timed[label] = partial(F.conv2d, maps, weight, padding=1)
        operations[label] = 2 * 9 * channels * maps.numel()
    return timed, operations


def trunk_operations(generator: Generator, height: int, width: int, tasks: Sequence[str]) -> int:
    """Floating-point operations of the trunk's convolutions, two for a multiplication and an addition."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        generator.encode(torch.zeros(1, 3, height, width), tasks)
    return counter.get_total_flops()


def measure(renderer: Renderer, picture: Path, folder: Path, tasks: Sequence[str], suffix: str, repeats: int) -> Any:
    """The figures: milliseconds of the whole and of its stages, and operations a second."""
    request = Request(tasks=tuple(tasks), strength=dict.fromkeys(tasks, STRENGTH))
    height, width = open_picture(picture).pixels.shape[:2]
    operations = trunk_operations(renderer.generator, height, width, tasks)
    files = FileRenderer(renderer, request, suffix=suffix)

    def whole() -> None:
        (rendered,) = files.render([PictureJob(picture, folder / "whole")])
        assert rendered.problem is None, rendered.problem

    with torch.inference_mode():
        parts, heads = stages(renderer, picture, folder, request, suffix)
        peaks, peak_operations = convolutions(height, width)
        seconds = take_turns({"whole": whole, **parts, **heads, **peaks}, repeats)
    rates = {label: peak_operations[label] / seconds[label] for label in peaks}
    rate, peak = operations / seconds["trunk"], max(rates.values())
    return {
        "height": height,
        "width": width,
        "threads": torch.get_num_threads(),
        "whole_ms": 1000 * seconds["whole"],
        "stages_ms": {name: 1000 * seconds[name] for name in parts},
        "rest_ms": 1000 * (seconds["whole"] - sum(seconds[name] for name in parts)),
        "heads_alone_ms": {name: 1000 * seconds[name] for name in heads},
        "trunk_operations": operations,
        "trunk_gflops": rate / 1e9,
        "peak_gflops": {label: found / 1e9 for label, found in rates.items()},
        "share_of_peak": rate / peak,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path, nargs="?", help="brought to the size; a built-in photo by default")
    parser.add_argument("--weights", type=Path, help="measure these instead of the ready-made ones")
    parser.add_argument("--tasks", help="names, separated by commas; all by default")
    parser.add_argument("--format", default="png", help="of the files that are written")
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    renderer = Renderer.load(options.weights, ONE_TILE)
    tasks = named_tasks(options.tasks.split(",") if options.tasks else None, renderer.generator.specs)
    photo = images.read(options.picture) if options.picture else builtin.load("builtin:coffee")
    with tempfile.TemporaryDirectory() as name:
        picture = Path(name) / "photo.jpg"
        images.write(picture, images.resize(images.to_float(photo), options.height, options.width))
        found = measure(renderer, picture, Path(name), tasks, options.format, options.repeats)
    size = f"{found['width']}x{found['height']}"
    print(f"{size}, {len(tasks)} tasks, {options.format}, {found['threads']} threads, medians of {options.repeats}")
    for stage, milliseconds in {**found["stages_ms"], "the rest": found["rest_ms"]}.items():
        print(f"  {stage:<18} {milliseconds:9.1f} ms  {milliseconds / found['whole_ms']:6.1%}")
    print(f"  {'whole':<18} {found['whole_ms']:9.1f} ms")
    print("heads alone, each with the enlarged source that the heads of its scale share")
    for task, milliseconds in found["heads_alone_ms"].items():
        print(f"  {task:<18} {milliseconds:9.1f} ms")
    for label, rate in found["peak_gflops"].items():
        print(f"3x3 convolution, {label:<26} {rate:8.1f} GFLOP/s")
    trunk = f"{found['trunk_operations'] / 1e9:.1f} GFLOP at {found['trunk_gflops']:.1f} GFLOP/s"
    print(f"trunk: {trunk}, {found['share_of_peak']:.0%} of the fastest convolution")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
