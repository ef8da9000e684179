"""Speed under every runtime, of all looks and of one, beside two classic networks; measured in turns, in one run.

python benchmarks/runtimes.py                       # the ready-made weights, 640x360
python benchmarks/runtimes.py --runtimes torch,onnxruntime --json figures.json

The classic networks are written from their papers, have random weights, and run in torch: one for fast style transfer,
which makes one look, and a compact one for 4x enlargement.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan import PrismganError
from prismgan.inference import Renderer
from prismgan.inference.runtimes import RUNTIMES, Runtime, available_threads, make_runtime


class StyleResidual(nn.Module):
    """Two convolutions around a skip, without an activation after the sum."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.InstanceNorm2d(width, affine=True),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.InstanceNorm2d(width, affine=True),
        )

    def forward(self, maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return maps + self.layers(maps)


def fast_style() -> nn.Sequential:
    """Johnson et al., "Perceptual losses for real-time style transfer and super-resolution" (2016), table 1 of the
    supplement, with instance normalisation (Ulyanov et al. 2016), as it is used since; sides are multiples of 4."""
    widths = (32, 64, 128)

    def normalised(layer: nn.Module, width: int) -> list[nn.Module]:
        return [layer, nn.InstanceNorm2d(width, affine=True), nn.ReLU()]

    return nn.Sequential(
        *normalised(nn.Conv2d(3, widths[0], 9, padding=4), widths[0]),
        *(
            layer
            for before, after in pairwise(widths)
            for layer in normalised(nn.Conv2d(before, after, 3, 2, padding=1), after)
        ),
        *(StyleResidual(widths[-1]) for _ in range(5)),
        *(
            layer
            for before, after in pairwise(widths[::-1])
            for layer in normalised(nn.ConvTranspose2d(before, after, 3, 2, padding=1, output_padding=1), after)
        ),
        nn.Conv2d(widths[0], 3, 9, padding=4),
        nn.Tanh(),
    )


class CompactEnlargement(nn.Module):
    """A plain row of convolutions at the source's size, then a pixel shuffle; it adds to the nearest-neighbour
    enlargement. The compact network of Real-ESRGAN (Wang et al. 2021) has this form: 64 channels, 16 convolutions."""

    def __init__(self, scale: int = 4, width: int = 64, convolutions: int = 16) -> None:
        super().__init__()
        self.scale = scale
        inner = [
            layer for _ in range(convolutions) for layer in (nn.Conv2d(width, width, 3, padding=1), nn.PReLU(width))
        ]
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1),
            nn.PReLU(width),
            *inner,
            nn.Conv2d(width, 3 * scale**2, 3, padding=1),
            nn.PixelShuffle(scale),
        )

    def forward(self, source: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 sH sW"]:
        return self.layers(source) + F.interpolate(source, scale_factor=self.scale, mode="nearest")


def passes(runtime: Runtime, renderer: Renderer, source: Tensor) -> dict[str, Callable[[], object]]:
    """What is timed of a runtime: all tasks by one pass, and each alone."""
    latent = renderer.generator.seeded_latent()

    def rendered(tasks: list[str]) -> Callable[[], object]:
        return lambda: runtime.decode(runtime.encode(source, tasks), latent, tasks)

    return {"all": rendered(list(renderer.tasks)), **{name: rendered([name]) for name in renderer.tasks}}


@torch.inference_mode()
def median_times(timed: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Seconds of each, taken in turn so that a busy moment of the machine falls on all alike."""
    times: dict[str, list[float]] = {name: [] for name in timed}
    for repeat in range(repeats + 1):
        for name, run in timed.items():
            start = time.perf_counter()
            run()
            if repeat:  # the first round warms up
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}


def measure(renderer: Renderer, names: list[str], height: int, width: int, repeats: int) -> dict[str, Any]:
    """The figures: seconds, and what they are against each other."""
    source = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0)).mul(2).sub(1)
    cells = source.to(memory_format=torch.channels_last)[..., : height // 4 * 4, : width // 4 * 4]
    classics = {"fast style (one look)": fast_style(), "compact 4x": CompactEnlargement()}
    timed: dict[str, Callable[[], object]] = {}
    for label, network in classics.items():
        network.eval().to(memory_format=torch.channels_last)
        timed[label] = lambda network=network: network(cells)
    for name in names:
        runtime = make_runtime(renderer.generator, name)
        # Where torch has a GPU, its pass ends with the pictures' way back, so the clock need not wait for it.
        timed |= {f"{name}: {what}": run for what, run in passes(runtime, renderer, source).items()}
    seconds = median_times(timed, repeats)
    style, compact = (seconds[label] for label in classics)
    found = {}
    for name in names:
        alone = [seconds[f"{name}: {task}"] for task in renderer.tasks]
        everything, one = seconds[f"{name}: all"], statistics.mean(alone)
        found[name] = {
            "all_ms": 1000 * everything,
            "one_ms": 1000 * one,
            "all_against_one": everything / one,
            "frames_per_second": 1 / everything,
            "all_against_fast_style": everything / style,
            "all_against_compact_4x": everything / compact,
            "alone_ms": {task: 1000 * time for task, time in zip(renderer.tasks, alone, strict=True)},
        }
    return {
        "height": height,
        "width": width,
        "threads": available_threads(),
        "device": "cuda" if torch.cuda.is_available() else "cpu",
        "tasks": list(renderer.tasks),
        "classic_ms": {label: 1000 * seconds[label] for label in classics},
        "runtimes": found,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="measure these instead of the ready-made ones")
    parser.add_argument("--runtimes", help="separated by commas; all that are installed by default")
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    renderer = Renderer.load(options.weights)
    names = []
    for name in options.runtimes.split(",") if options.runtimes else RUNTIMES:
        try:
            make_runtime(renderer.generator, name)
            names.append(name)
        except PrismganError as error:
            print(f"left out: {error}")
    found = measure(renderer, names, options.height, options.width, options.repeats)
    print(f"{options.width}x{options.height}, {found['threads']} threads, {found['device']}, float32, medians")
    for label, milliseconds in found["classic_ms"].items():
        print(f"  {label:<22} {milliseconds:8.1f} ms")
    for name, row in found["runtimes"].items():
        frames = f"{row['frames_per_second']:.2f} frames a second"
        print(f"{name}: all {len(renderer.tasks)} looks {row['all_ms']:.1f} ms, {frames}")
        print(f"  against one look (mean of the tasks alone) {row['all_against_one']:6.2f}x")
        print(f"  against a fast-style network's one look    {row['all_against_fast_style']:6.2f}x")
        print(f"  against a compact network's 4x             {row['all_against_compact_4x']:6.2f}x")
        for task, milliseconds in row["alone_ms"].items():
            print(f"  {task:<22} alone {milliseconds:8.1f} ms")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
