"""Pictures per second on this machine and on workers of a Ray cluster on it, and the overhead of the engine.

python benchmarks/cluster.py                        # 12 pictures of 640x360 into all eight looks; here, 1 and 2 workers
python benchmarks/cluster.py --workers 1,2,4,8 --pictures 64

Wall time is that between the first picture and the last, without the start; there should be many pictures for each
worker. CPU seconds depend less on other programs. They are those of the workers, including reading and
writing pictures, and those of the process that distributes the jobs, which also grow with its waiting time. `jobs` are
empty and show the overhead of a job.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import torch
from PIL import Image

from prismgan.cluster import connected, spread
from prismgan.machine import keep_freed_memory
from prismgan.render.clustered import RenderingOfFiles, render_on_cluster
from prismgan.render.jobs import find_jobs
from prismgan.weights import load_weights

EMPTY_JOBS = 1000


class Figures(NamedTuple):
    """Figures of one way to do many jobs."""

    start: float
    """Seconds until the first job was done."""
    wall: float
    """Seconds per job, after the first."""
    workers: float
    """CPU seconds per job of all workers."""
    driver: float
    """CPU seconds per job of this process."""


def measured(done: Iterable[object], workers: int = 1) -> Figures:
    """Consume the results. When the first arrives, the other workers have nearly finished their first jobs, too."""
    begun, times = time.perf_counter(), []
    for _ in done:
        times.append((time.perf_counter(), worked(), time.process_time()))
    first, last = times[0], times[-1]
    each = [(after - before) / (len(times) - workers) for before, after in zip(first, last, strict=True)]
    return Figures(first[0] - begun, *each)


def worked() -> float:
    """CPU seconds of all workers so far."""
    workers = [each for each in psutil.Process().children(recursive=True) if each.name().startswith("ray::_Worker")]
    return sum(sum(each.cpu_times()[:2]) for each in workers)


def draw(folder: Path, count: int) -> None:
    """Photo-like pictures: smooth colours and some noise, so that PNG files are as large as those of photos."""
    folder.mkdir()
    for number in range(count):
        generator = np.random.default_rng(number)
        coarse = Image.fromarray(generator.integers(0, 256, (9, 16, 3), dtype=np.uint8))
        pixels = np.asarray(coarse.resize((640, 360), Image.Resampling.BICUBIC)) + generator.normal(0, 4, (360, 640, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.jpg", quality=92)


def nothing() -> Callable[[Any], Any]:
    return abs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--workers", default="1,2")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # as a worker has it
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as place:
        photos = Path(place, "photos")
        draw(photos, arguments.pictures)
        rows: dict[str, Figures] = {}

        def rendering(out: str) -> RenderingOfFiles:
            return RenderingOfFiles(load_weights().without("discriminator"), {}, {}, f"{place}/{out}")

        here = rendering("here")
        figures = measured(here.renderer().render(find_jobs([photos], Path(here.out))))
        rows["here, one thread"] = figures._replace(workers=figures.driver, driver=0.0)
        for workers in map(int, arguments.workers.split(",")):
            there = rendering(f"there-{workers}")
            jobs = find_jobs([photos], Path(there.out))
            with connected("local"):
                rows[f"ray, {workers}"] = measured(render_on_cluster(jobs, there, workers=workers), workers)
                jobs_done = spread(list(range(EMPTY_JOBS)), nothing, memory=10**8, workers=workers)
                rows[f"ray, {workers}, jobs"] = measured(jobs_done, workers)
        written = [path.stat().st_size for path in Path(place, "here").rglob("*.png")]
    print(f"{'':20} {'first':>8} {'a second':>9} {'wall':>9} {'CPU, workers':>13} {'CPU, driver':>12}")
    for name, row in rows.items():
        print(
            f"{name:20} {row.start:6.1f} s {1 / row.wall:9.3f} {1000 * row.wall:6.1f} ms"
            f" {1000 * row.workers:10.1f} ms {1000 * row.driver:9.2f} ms"
        )
    print(f"{sum(written) / arguments.pictures / 1e6:.2f} MB of results a picture")


if __name__ == "__main__":
    main()
