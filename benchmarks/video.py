"""`prismgan video` compared with the sum of its parts: decoding, the network, smoothing and encoding.

python benchmarks/video.py                          # the ready-made weights, 75 frames of 640x360 that are made here
python benchmarks/video.py clip.mp4 --tasks comic,pencil --json figures.json

The parts run one after the other, a segment at a time, whose frames are held in memory; the encoders of all outputs run
at once, as in the pipeline. The whole is the command without loading its weights.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prismgan import images
from prismgan.cli.progress import VideoProgress
from prismgan.data import builtin
from prismgan.render import Renderer, Request
from prismgan.render.video.clip import Clip, Reader, open_clip
from prismgan.render.video.consistency import TemporalSmoother, motion
from prismgan.render.video.container import Colours
from prismgan.render.video.files import render_file
from prismgan.render.video.segment import Encoding, encode_segment
from prismgan.render.video.settings import Outcome, Settings, parts_kept

PARTS = ("decoding", "network", "smoothing", "encoding")
LEAST_SHARE = 0.7
"""Required: the time of the network and the encoders alone, as a share of the whole."""
RATE = Fraction(25)


def moving_clip(path: Path, height: int, width: int, count: int) -> Path:
    """A view that pans over a photo by two pixels per frame, forth and back."""
    room = 64
    photo = images.resize(images.to_float(builtin.load("builtin:coffee")), height + room, width + room)
    pixels = images.to_uint8(photo).permute(1, 2, 0).numpy()

    def frames() -> Iterator[NDArray[np.uint8]]:
        for number in range(count):
            place = abs((2 * number + room) % (2 * room) - room)
            yield pixels[place : place + height, place : place + width]

    colours = Colours(primaries=1, transfer=1, space=1, full_range=False, matrix="ITU709")
    clip = Clip(path, path.name, width, height, 1 / RATE, RATE, count, colours, None, None, interlaced=False)
    encode_segment(path, frames(), clip, Encoding())
    return path


def parts(path: Path, renderer: Renderer, request: Request, settings: Settings, folder: Path) -> dict[str, float]:
    """Seconds that each part takes alone, for all frames."""
    seconds = dict.fromkeys(PARTS, 0.0)

    @contextmanager
    def timed(part: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        seconds[part] += time.perf_counter() - start

    def encode(name: str) -> None:
        encode_segment(folder / f"{name}.mp4", (look[name] for look in looks), clip, settings.encoding)

    clip, names = open_clip(path), renderer.plan(request).names
    frames = Reader(clip.name).frames(clip)
    smoother = TemporalSmoother(parts_kept(renderer, request, settings))
    before: NDArray[np.uint8] | None = None
    with ThreadPoolExecutor(len(names)) as pool:
        while True:
            with timed("decoding"):
                segment = list(islice(frames, max(1, round(settings.segment * clip.rate))))
            if not segment:
                return seconds
            with timed("network"):
                looks = [renderer.render(frame.pixels, request) for frame in segment]
            with timed("smoothing"):
                for number, frame in enumerate(segment):
                    moved = motion(before, frame.pixels) if smoother.kept and before is not None else None
                    looks[number] = smoother(looks[number], moved)
                    before = frame.pixels
            with timed("encoding"):
                list(pool.map(encode, names))


def whole(path: Path, renderer: Renderer, request: Request, settings: Settings, folder: Path) -> Outcome:
    """The complete command."""
    with VideoProgress() as progress:
        outcome = render_file(path, folder, renderer, request, settings, progress, overwrite=True)
    assert outcome is not None
    return outcome


def measure(path: Path, renderer: Renderer, request: Request, settings: Settings, repeats: int) -> dict[str, Any]:
    """The figures: seconds of the whole and of its parts, measured in turn, and their ratios."""
    found: dict[str, list[float]] = {part: [] for part in ("whole", *PARTS)}
    clip = open_clip(path)
    renderer.render(next(Reader(clip.name).frames(clip)).pixels, request)  # warms up
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for _ in range(repeats):
            outcome = whole(path, renderer, request, settings, folder)
            alone = parts(path, renderer, request, settings, folder)
            for part, value in {"whole": outcome.seconds, **alone}.items():
                found[part].append(value)
    seconds = {part: statistics.median(values) for part, values in found.items()}
    alone = {part: value for part, value in seconds.items() if part != "whole"}
    return {
        "width": clip.width,
        "height": clip.height,
        "frames": outcome.frames,
        "outputs": len(outcome.written),
        "seconds": seconds,
        "share": (seconds["network"] + seconds["encoding"]) / seconds["whole"],
        "longest": max(alone, key=alone.__getitem__),
        "against_longest": seconds["whole"] / max(alone.values()),
        "against_sum": seconds["whole"] / sum(alone.values()),
        "frames_per_second": outcome.frames / seconds["whole"],
        "last_outcome": {**asdict(outcome), "written": [file.name for file in outcome.written]},
        "busy": outcome.busy,
    }


def main() -> None:
    if "GOMP_SPINCOUNT" not in os.environ:  # the command line sets it before torch is imported, so restart with it
        os.environ["GOMP_SPINCOUNT"] = "20000"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, nargs="?", help="by default one is made")
    parser.add_argument("--weights", type=Path, help="measure these instead of the ready-made ones")
    parser.add_argument("--tasks", default="comic,pencil,starry-night,great-wave", help="names, separated by commas")
    parser.add_argument("--height", type=int, default=360, help="of the clip that is made")
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--frames", type=int, default=75)
    parser.add_argument("--segment", type=float, default=10.0, help="seconds, as for the command")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    settings = Settings(Encoding(), segment=options.segment)
    request = Request(tasks=tuple(options.tasks.split(",")))
    with tempfile.TemporaryDirectory() as folder:
        path = options.clip or moving_clip(Path(folder) / "made.mp4", options.height, options.width, options.frames)
        found = measure(path, Renderer.load(options.weights), request, settings, options.repeats)
    looks = f"{found['outputs']} looks of {found['frames']} frames"
    print(f"{found['width']}x{found['height']}, {looks}, {os.cpu_count()} cores, medians of {options.repeats}")
    for part, seconds in found["seconds"].items():
        alone = "" if part == "whole" else " alone"
        print(f"  {part + alone:<16} {seconds:8.2f} s  {1000 * seconds / found['frames']:8.1f} ms a frame")
    print(f"network and encoding, of the whole    {found['share']:6.0%} (wanted: at least {LEAST_SHARE:.0%})")
    print(f"the network or the encoders at work   {found['busy']:6.0%} (by the pipeline's own clock)")
    print(f"whole against {found['longest']:<23} {found['against_longest']:6.2f}x")
    print(f"whole against all parts, one by one   {found['against_sum']:6.2f}x")
    print(f"frames a second                       {found['frames_per_second']:6.2f}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
