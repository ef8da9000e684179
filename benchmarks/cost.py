"""Cost of K tasks relative to one: time and parameters, measured in one run.

python benchmarks/cost.py                       # eight tasks, 640x360, a fresh generator of the default size
python benchmarks/cost.py --weights W.safetensors
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from prismgan.networks import Generator, GeneratorConfig, HeadSpec
from prismgan.render import Renderer, measure_cost

EIGHT = [
    HeadSpec("restore"),
    HeadSpec("enlarge-2x", scale=2),
    HeadSpec("enlarge-4x", scale=4),
    HeadSpec("pencil"),
    HeadSpec("comic", fine=False),
    HeadSpec("style-1", fine=False, latent=True),
    HeadSpec("style-2", fine=False),
    HeadSpec("style-3", fine=False),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="measure these instead of a fresh generator")
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    if options.weights:
        generator = Renderer.load(options.weights).generator
    else:
        generator = Generator(GeneratorConfig(), EIGHT).eval().to(memory_format=torch.channels_last)
    found = measure_cost(generator, options.height, options.width, options.repeats)
    parameters = found["parameters"]
    everything = parameters["trunk"] + sum(parameters["heads"].values())
    print(f"{options.width}x{options.height}, float32, {torch.get_num_threads()} threads, median of {options.repeats}")
    for name, milliseconds in found["alone_ms"].items():
        print(f"  {name:<12} alone {milliseconds:7.1f} ms   head {parameters['heads'][name]:>8,} parameters")
    print(f"  all {found['tasks']}        {found['all_ms']:7.1f} ms   in all {everything:>8,} parameters")
    cheapest = min(found["alone_ms"].values())
    alone = [parameters["trunk"] + head for head in parameters["heads"].values()]
    print(f"all against one (mean of the tasks alone)   {found['ratio']:.2f}x")
    print(f"all against the cheapest one                {found['all_ms'] / cheapest:.2f}x")
    print(f"all against {found['tasks']} runs of one task           {found['ratio'] / found['tasks']:.2f}x")
    print(f"parameters against one task's network       {everything / (sum(alone) / len(alone)):.2f}x")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
