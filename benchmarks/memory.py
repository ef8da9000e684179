"""Peak resident memory of rendering, by picture size; every size runs in a separate process.

python benchmarks/memory.py                         # the ready-made weights, four tasks, 1 to 48 megapixels
python benchmarks/memory.py --sizes 1,4 --tasks restore,comic --json figures.json

The picture is 4:3 noise in 8 bits, not read from a file. Source and outputs grow with the picture; the rest of the
memory that rendering takes should not.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

# prismgan is imported where it is used: a process inherits the peak of the process that started it.


def peak() -> int:
    """Peak resident memory of this process so far, in bytes."""
    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found if sys.platform == "darwin" else 1024 * found


def sides(megapixels: float) -> tuple[int, int]:
    """Height and width of a picture of this size, 4:3."""
    width = round(math.sqrt(megapixels * 1e6 * 4 / 3))
    return round(width * 3 / 4), width


def measure(megapixels: float, tasks: list[str], weights: Path | None, memory: int | None) -> dict[str, Any]:
    """Render one picture; call this once per process."""
    import numpy as np

    from prismgan.render import Renderer, Request

    renderer, (height, width) = Renderer.load(weights, memory), sides(megapixels)
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    tiles = []
    before, start = peak(), time.perf_counter()
    outputs = renderer.render(pixels, Request(tasks=tuple(tasks)), progress=lambda done, total: tiles.append(total))
    seconds, most = time.perf_counter() - start, peak()
    held = sum(output.nbytes for output in outputs.values())
    return {
        "megapixels": megapixels,
        "width": width,
        "height": height,
        "tiles": tiles[-1],
        "seconds": seconds,
        "peak_bytes": most,
        "before_bytes": before,
        "outputs_bytes": held,
        "beyond_bytes": most - before - held,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="measure these instead of the ready-made ones")
    parser.add_argument("--sizes", default="1,4,12,24,48", help="megapixels, separated by commas")
    parser.add_argument("--tasks", default="restore,comic,pencil,starry-night", help="names, separated by commas")
    parser.add_argument("--memory", type=int, help="bytes that a rendering may take; the renderer's default otherwise")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    tasks = options.tasks.split(",")
    print(f"{', '.join(tasks)}; MB, resident")
    parts = ("peak", "before", "outputs", "beyond")
    print(f"{'megapixels':>10} {'size':>11} {'tiles':>5} {'seconds':>8} " + " ".join(f"{part:>7}" for part in parts))
    found = []
    for size in map(float, options.sizes.split(",")):
        # A fresh interpreter, not a copy of this one.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            row = pool.submit(measure, size, tasks, options.weights, options.memory).result()
        found.append(row)
        shape = f"{row['width']}x{row['height']}"
        figures = " ".join(f"{row[f'{part}_bytes'] / 1e6:>7,.0f}" for part in parts)
        print(f"{size:>10g} {shape:>11} {row['tiles']:>5} {row['seconds']:>8.1f} {figures}", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"tasks": tasks, "memory": options.memory, "sizes": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
