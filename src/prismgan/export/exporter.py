"""Export of a weights file to an ONNX file for other programs, which is compared with the generator first."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from prismgan.errors import PrismganError, named_tasks, nearest
from prismgan.export import parity
from prismgan.export.parity import PRECISIONS, Precision, TaskParity, feed, measure, onnxruntime_session
from prismgan.files import replace_file
from prismgan.machine import take_turns
from prismgan.networks import Generator
from prismgan.packages import require
from prismgan.weights import Weights, default_weights

LAST = ("last", "skip")  # layers of a head that read or produce pictures; they stay in float32 in int8
TIMED_SHAPE = (1, 3, 180, 320)  # shape of the source that speed is measured on


@dataclass(frozen=True)
class Exported:
    """The written file, and the differences between its pictures and the generator's."""

    path: Path
    size: int  # in bytes
    precision: Precision
    tasks: tuple[TaskParity, ...]
    speed: float  # relative to the float32 file, both in ONNX Runtime on this machine's CPU, measured in turn

    def content(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        file = {"file": str(self.path), "bytes": self.size, "precision": self.precision}
        return {**file, "speed_against_float32": round(self.speed, 3), "tasks": [row.content() for row in self.tasks]}


def export(
    weights: Weights,
    out: Path,
    *,
    tasks: Sequence[str] | None = None,
    precision: Precision = "float32",
    calibrate: Sequence[Path] = (),
    licence: str | None = None,
    defaults: bool = True,
) -> Exported:
    """Write an ONNX file; see :func:`prismgan.export.onnx_file.whole_model` for its content. Its pictures are compared
    with the generator's first; see :mod:`prismgan.export.parity` for the tolerances. Raises PrismganError if a task is
    unknown, the file's name does not end in ``.onnx``, or the file differs too much.

    Args:
        out: the file, ``.onnx``.
        tasks: names; all by default.
        precision: precision of weights and features. In int8 the first and last layers stay in float32.
        calibrate: pictures, or folders of them, for calibrating and comparing int8.
        licence: licence of the weights, for the metadata; by default only that of the ready-made weights is known.
        defaults: whether the inputs ``strength`` and ``latent`` are optional.
    """
    require("export", "export", "onnx", "onnxruntime")
    from prismgan.export import int8
    from prismgan.export.onnx_file import whole_model

    _check(out, precision, calibrate)
    generator = weights.prism_generator("an ONNX file")
    names = checked_tasks(tasks, generator, weights.path)
    pictures = int8.read_pictures(calibrate)
    licence = licence_of(weights.path) if licence is None else licence
    build = partial(whole_model, generator, weights.header, names, licence=licence, defaults=defaults)
    plain = model = build()
    sources = parity.random_sources()
    if precision == "float16":
        model = build(half=True)
    elif precision == "int8":
        feeds = (feed(generator, names, crop, 1.0, seed) for seed, crop in enumerate(int8.crops(pictures)))
        model = int8.quantise(plain, feeds, _float32_names(generator, plain))
        sources = int8.middles(pictures)
    content = model.SerializeToString()
    run = onnxruntime_session(content)
    parities = measure(generator, names, run, sources)
    if precision == "float16":
        # ONNX Runtime computes this file in float32 on a CPU, which tests the graph; torch tests the rounding.
        rounded = measure(generator, names, lambda values: parity.render(generator, names, values, half=True), sources)
        parities = parity.worse(parities, rounded)
    if (wrong := parity.problem(precision, generator, parities)) is not None:
        cure = "; use float16, or leave the task out" if precision == "int8" else "; please report it"
        raise PrismganError(f"{out}: not written, because in {precision} {wrong}{cure}")
    speed = 1.0
    if model is not plain:
        values = feed(generator, names, torch.rand(TIMED_SHAPE, generator=torch.Generator().manual_seed(0)), 1.0, 0)
        ways = {"plain": onnxruntime_session(plain.SerializeToString()), "this": run}
        seconds = take_turns({name: partial(way, values) for name, way in ways.items()}, 3)
        speed = seconds["plain"] / seconds["this"]
    replace_file(out, content)
    return Exported(out, len(content), precision, tuple(parities), speed)


def _check(out: Path, precision: str, calibrate: Sequence[Path]) -> None:
    if out.suffix.lower() != ".onnx":
        raise PrismganError(f"{out}: expected a name that ends in .onnx")
    if out.is_dir():
        raise PrismganError(f"{out}: is a folder, expected a file")
    if not out.parent.is_dir():
        raise PrismganError(f"{out}: its folder does not exist; create it first")
    if precision not in PRECISIONS:
        raise PrismganError(f"there is no precision {precision!r}{nearest(precision, PRECISIONS, 'there are')}")
    if precision == "int8" and not calibrate:
        raise PrismganError("precision int8 needs pictures for calibration; name some, or a folder of them")
    if precision != "int8" and calibrate:
        raise PrismganError(f"pictures for calibration are only for precision int8, found {precision}")


def licence_of(path: Path) -> str:
    """The licence of a weights file if it is known, which is the case for the ready-made one; otherwise empty."""
    try:
        return "Apache-2.0" if path.samefile(default_weights()) else ""
    except (OSError, PrismganError):
        return ""


def checked_tasks(tasks: Sequence[str] | None, generator: Generator, origin: Path) -> list[str]:
    """The given names (default: all), in the weights' order; PrismganError if one is unknown or there is none."""
    names = named_tasks(tasks, generator.specs, where=f"{origin}: ")
    return [name for name in generator.specs if name in names]


def _float32_names(generator: Generator, model: Any) -> list[str]:
    """Names of the convolutions that stay in float32 in int8: the first and the last ones, and those on pictures."""
    outermost = {"trunk.stem", "branch.stem", *(f"heads.{name}.{layer}" for name in generator.heads for layer in LAST)}
    names = [node.name for node in model.graph.node if node.op_type == "Conv"]
    return [name for name in names if name in outermost or not name.startswith(("trunk.", "branch.", "heads."))]
