"""Speed of every runtime: one style, eight styles, all tasks, and two classic networks, measured in turn in one run.

python benchmarks/runtimes.py                       # the ready-made weights, 640x360
python benchmarks/runtimes.py --runtimes torch,onnxruntime --json figures.json

The eight styles are eight repainting heads like those of the ready-made weights, on their trunk. The classic networks
are written from their papers, have random weights, and run in the same runtime and precision: one for fast style
transfer, which makes one style, so eight styles take eight networks, and a compact one for 4x enlargement.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan import PrismganError
from prismgan.export.parity import onnxruntime_session
from prismgan.machine import available_threads, keep_freed_memory
from prismgan.networks import Generator
from prismgan.render import Renderer
from prismgan.render.runtimes import RUNTIMES, Pass, make_runtime, openvino_session, take_turns

LOOKS = 8


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


def eight_looks(generator: Generator) -> Generator:
    """A fresh generator with copies of this one's repainting heads, eight in all."""
    looks = cycle(spec for spec in generator.specs.values() if not spec.fine)
    specs = [replace(spec, name=f"look-{number}") for number, spec in enumerate(islice(looks, LOOKS))]
    return Generator(generator.config, specs).eval().to(memory_format=torch.channels_last)


def in_runtime(network: nn.Module, source: Tensor, name: str, fast: bool) -> Callable[[], object]:
    """A pass of any network."""
    if name == "torch":
        device = "cuda" if torch.cuda.is_available() else "cpu"
        network, given = network.to(device, memory_format=torch.channels_last), source.to(device)
        precision = partial(torch.autocast, device, torch.bfloat16 if device == "cpu" else torch.float16, enabled=fast)

        def run() -> object:
            with precision():
                return network(given).cpu()

        return run
    file = io.BytesIO()
    with redirect_stdout(io.StringIO()):
        torch.onnx.export(network.cpu(), (source,), file, input_names=["source"], dynamo=False)
    make = onnxruntime_session if name == "onnxruntime" else partial(openvino_session, fast)
    session = make(file.getvalue())
    return lambda: session({"source": source.numpy()})


def passes(renderer: Renderer, name: str, fast: bool, source: Tensor) -> dict[str, Callable[[], object]]:
    """Passes that are timed for a runtime."""

    def rendered(generator: Generator, tasks: tuple[str, ...]) -> Callable[[], object]:
        runtime = make_runtime(generator, name, fast=fast)
        return lambda: list(runtime.outputs(source, [Pass(0, tasks)]))

    looks, ready = eight_looks(renderer.generator), renderer.generator
    names = tuple(looks.specs)
    fours = [task for task, spec in ready.specs.items() if spec.scale == 4]
    return {
        "one look": rendered(looks, names[:1]),
        "eight looks": rendered(looks, names),
        "all tasks": rendered(ready, tuple(ready.specs)),
        **{f"{task} alone": rendered(ready, (task,)) for task in fours[:1]},
        "fast style, one look": in_runtime(fast_style().eval(), source, name, fast),
        "compact 4x": in_runtime(CompactEnlargement().eval(), source, name, fast),
    }


def ratios(seconds: Mapping[str, float]) -> dict[str, float]:
    """Ratios of the times of one runtime."""
    found = {
        "eight_looks_against_one": seconds["eight looks"] / seconds["one look"],
        "eight_fast_style_networks_against_eight_looks": LOOKS
        * seconds["fast style, one look"]
        / seconds["eight looks"],
        "frames_a_second_of_eight_looks": 1 / seconds["eight looks"],
    }
    for label in seconds:
        if label.endswith("alone"):
            found["compact_4x_against_ours"] = seconds["compact 4x"] / seconds[label]
    return found


def label_of(name: str, fast: bool) -> str:
    return f"{name}, fast" if fast else name


def measure(renderer: Renderer, kinds: list[tuple[str, bool]], height: int, width: int, repeats: int) -> dict[str, Any]:
    """The figures of runtimes, each in full and half precision: milliseconds, and their ratios."""
    source = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0)).mul(2).sub(1)
    timed = {label_of(*kind): passes(renderer, *kind, source) for kind in kinds}
    with torch.inference_mode():
        seconds = take_turns(
            {f"{label}: {what}": run for label, runs in timed.items() for what, run in runs.items()}, repeats
        )
    found = {}
    for label, runs in timed.items():
        own = {what: seconds[f"{label}: {what}"] for what in runs}
        found[label] = {"ms": {what: 1000 * value for what, value in own.items()}, **ratios(own)}
    return {
        "height": height,
        "width": width,
        "threads": available_threads(),
        "device": "cuda" if torch.cuda.is_available() else "cpu",
        "runtimes": found,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="measure these instead of the ready-made ones")
    parser.add_argument("--runtimes", help="separated by commas; all that are installed by default")
    parser.add_argument("--height", type=int, default=360, help="a multiple of 4")
    parser.add_argument("--width", type=int, default=640, help="a multiple of 4")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    keep_freed_memory()  # as the command line does
    renderer = Renderer.load(options.weights)
    kinds = []
    for name in options.runtimes.split(",") if options.runtimes else RUNTIMES:
        for fast in (False, True):
            try:
                make_runtime(renderer.generator, name, fast=fast)
                kinds.append((name, fast))
            except PrismganError as error:
                print(f"left out: {error}")
    found = measure(renderer, kinds, options.height, options.width, options.repeats)
    print(f"{options.width}x{options.height}, {found['threads']} threads, {found['device']}, medians")
    for label, row in found["runtimes"].items():
        print(label)
        for what, milliseconds in row["ms"].items():
            print(f"  {what:<48} {milliseconds:8.1f} ms")
        for what, ratio in row.items():
            if what != "ms":
                print(f"  {what.replace('_', ' '):<48} {ratio:8.2f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
