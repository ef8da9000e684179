"""Cost and gain of int8: restoration tasks as ONNX files in float32 and in int8, both in ONNX Runtime on the CPU.

python benchmarks/int8.py DATA                      # the ready-made weights, calibrated on 8 pictures of DATA/photos
python benchmarks/int8.py DATA --photos 16 --json figures.json

DATA holds photos/ and the test sets, as for `prismgan evaluate --benchmarks`. The conditions of its suites are measured
on Set5 and on the first pictures of CBSD68. Every task is a separate file, and one more holds them all. Files that the
export refuses to write are reported and left out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from prismgan import PrismganError
from prismgan.evaluation.benchmarks.restoration import RESTORATION
from prismgan.evaluation.benchmarks.suite import Bench, as_file
from prismgan.evaluation.measurement import Measurement
from prismgan.export import Precision, export
from prismgan.export.parity import Run, feed, onnxruntime_session
from prismgan.images import find_pictures
from prismgan.render import Renderer
from prismgan.render.runtimes import take_turns
from prismgan.weights import HeadEntry, Weights, load_weights

SETS = {"set5": 5, "set5_lr_matlab": None, "cbsd68": 12}
"""Test sets, and the number of their pictures that are used; None means a folder of folders."""
KINDS = ("restore", "super_resolution")
COMPARED: tuple[Precision, ...] = ("float32", "int8")
JUDGED = ("set5 x2", "set5 x4", "cbsd68 sigma-25")
"""Conditions that the maximum loss applies to; the other conditions are only reported."""
MOST_LOSS = 0.5
"""Maximum loss, in dB."""
LEAST_SPEED = 1.3
"""Minimum speed, relative to float32."""


@dataclass(frozen=True)
class FileBench(Bench):
    """A bench that renders with exported files, one file per task; it has no other tasks."""

    runs: Mapping[str, Run] = field(default_factory=dict)

    def of_kind(self, kind: str) -> list[HeadEntry]:
        return [entry for entry in super().of_kind(kind) if entry.name in self.runs]

    def render(self, source: Float[Tensor, "3 H W"], tasks: Iterable[str]) -> dict[str, Float[Tensor, "1 3 sH sW"]]:
        found = {}
        for name in tasks:
            values = feed(self.renderer.generator, [name], source[None].add(1).div(2), strength=1.0, seed=0)
            (image,) = self.runs[name](values)
            found[name] = as_file(torch.from_numpy(image).mul(2).sub(1))
        return found


def shortened(data: Path, to: Path) -> Path:
    """A folder with the pictures of every test set that are used."""
    for name, count in SETS.items():
        source, target = data / "test" / name, to / "test" / name
        if count is None:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source.resolve())
            continue
        target.mkdir(parents=True)
        for file in find_pictures(source)[:count]:
            (target / file.name).symlink_to(file.resolve())
    return to


def exported(
    weights: Weights, files: Mapping[str, Sequence[str]], folder: Path, photos: Sequence[Path]
) -> tuple[dict[Precision, dict[str, Run]], dict[str, str]]:
    """The written files' runs, by precision and file, and the reasons why others were refused."""
    runs: dict[Precision, dict[str, Run]] = {each: {} for each in COMPARED}
    refused = {}
    for label, tasks in files.items():
        given: dict[Precision, Sequence[Path]] = {"float32": (), "int8": photos}
        paths = {each: folder / f"{label}-{each}.onnx" for each in COMPARED}
        try:
            for each, path in paths.items():
                export(weights, path, tasks=tasks, precision=each, calibrate=given[each])
        except PrismganError as error:
            refused[label] = str(error).removeprefix(f"{folder}/")
            continue
        for each, path in paths.items():
            runs[each][label] = onnxruntime_session(path.read_bytes())
    return runs, refused


def losses(renderer: Renderer, data: Path, runs: Mapping[Precision, Mapping[str, Run]]) -> list[dict[str, Any]]:
    """PSNR in both precisions, by task and condition."""

    def rows(precision: Precision) -> Iterator[Measurement]:
        announce = partial(print, f"{precision}:")
        return RESTORATION.measure(FileBench(renderer, data, announce=announce, runs=runs[precision]))

    return [
        {
            "task": plain.task,
            "condition": plain.condition,
            "count": plain.count,
            "judged": plain.condition in JUDGED,
            "float32_db": plain.value,
            "int8_db": whole.value,
            "loss_db": plain.value - whole.value,
        }
        for plain, whole in zip(*map(rows, COMPARED), strict=True)
    ]


def speeds(
    renderer: Renderer, files: Mapping[str, Sequence[str]], runs: Mapping[Precision, Mapping[str, Run]], repeats: int
) -> list[dict[str, Any]]:
    """Seconds of both precisions at 640x360, by file."""
    source = torch.rand(1, 3, 360, 640, generator=torch.Generator().manual_seed(0))
    given = {label: feed(renderer.generator, files[label], source, 1.0, 0) for label in runs["float32"]}
    timed: dict[str, Callable[[], object]] = {
        f"{label} {precision}": partial(runs[precision][label], values)
        for label, values in given.items()
        for precision in COMPARED
    }
    seconds = take_turns(timed, repeats) if timed else {}
    found = []
    for label in given:
        plain, whole = (seconds[f"{label} {precision}"] for precision in COMPARED)
        found.append({"file": label, "float32_ms": 1000 * plain, "int8_ms": 1000 * whole, "speed": plain / whole})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with photos/ and test/")
    parser.add_argument("--weights", type=Path, help="measure these instead of the ready-made ones")
    parser.add_argument("--photos", type=int, default=8, help="pictures to calibrate with")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    weights = load_weights(options.weights)
    renderer = Renderer(weights)
    names = [entry.name for entry in weights.header.tasks if entry.kind in KINDS]
    files = {**{name: [name] for name in names}, "all": names}
    pictures = find_pictures(options.data / "photos")
    photos = pictures[:: max(1, len(pictures) // options.photos)][: options.photos]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs, refused = exported(weights, files, folder, photos)
        for label, why in refused.items():
            print(f"{label}: refused ({why})")
        rows = losses(renderer, shortened(options.data, folder / "data"), runs)
        times = speeds(renderer, files, runs, options.repeats)
    print(f"PSNR in dB (wanted: a loss of at most {MOST_LOSS} where there is a star)")
    for row in rows:
        figures = f"float32 {row['float32_db']:.2f}  int8 {row['int8_db']:.2f}  loss {row['loss_db']:.2f}"
        print(f"{'*' if row['judged'] else ' '} {row['task']:<12} {row['condition']:<26} {figures}")
    threads = torch.get_num_threads()
    print(f"640x360, {threads} threads, medians of {options.repeats} (wanted: {LEAST_SPEED} times as fast)")
    for row in times:
        figures = f"float32 {row['float32_ms']:8.1f} ms  int8 {row['int8_ms']:8.1f} ms"
        print(f"  {row['file']:<12} {figures}  {row['speed']:.2f} times as fast")
    if options.json:
        content = {"threads": threads, "calibration": len(photos), "refused": refused}
        options.json.write_text(json.dumps(content | {"losses": rows, "speeds": times}, indent=1) + "\n")


if __name__ == "__main__":
    main()
