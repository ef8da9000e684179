"""Numerical parity: every task of an exported file is compared with the generator before the file is written."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from prismgan.machine import available_threads
from prismgan.networks import Generator

Inputs = Mapping[str, NDArray[Any]]  # by name
Run = Callable[[Inputs], Sequence[NDArray[Any]]]  # from inputs to outputs in order
Source = Float[Tensor, "1 3 H W"]  # in [0, 1]


def onnxruntime_session(model: bytes) -> Run:
    """A function that runs the ONNX model in these bytes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    options.intra_op_num_threads = available_threads()
    # Waiting threads would keep their cores busy; see the command line's GOMP_SPINCOUNT.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # An arena never gives back the memory of the largest picture.
    options.enable_cpu_mem_arena = False
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda values: list(session.run(None, dict(values)))


Precision = Literal["float32", "float16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
SIZES = ((33, 47), (64, 50), (101, 75))  # height and width of the compared pictures: not multiples of the cell
STRENGTHS = (1.0, 0.3, 1.0)  # of all tasks, for each of these pictures
MAXIMUM = {"float32": 0.1, "float16": 2.0}  # tolerance for the largest difference of any pixel, in 1/255
MEAN = {"float32": 0.01, "float16": 0.25}  # tolerance for the mean difference of a task's pixels, in 1/255
INT8_PSNR = {True: 40.0, False: 35.0}  # minimum PSNR in dB in int8, for tasks on fine features and for styles


@dataclass(frozen=True)
class TaskParity:
    """The differences between a task's pictures and the generator's."""

    task: str
    scale: int
    maximum: float  # of any pixel, in 1/255
    mean: float  # of all pixels, in 1/255
    psnr: float  # in dB; infinite if nothing differs

    def content(self) -> dict[str, Any]:
        """Plain values, for JSON: an infinite PSNR is None."""
        psnr = None if math.isinf(self.psnr) else round(self.psnr, 2)
        numbers = {"maximum": round(self.maximum, 5), "mean": round(self.mean, 6), "psnr_db": psnr}
        return {"task": self.task, "scale": self.scale, **numbers}


def random_sources() -> list[Source]:
    """Smooth random colours with some noise, in [0, 1], one for each of :data:`SIZES`."""
    generator = torch.Generator().manual_seed(0)
    sources = []
    for size in SIZES:
        coarse = torch.rand(1, 3, 6, 5, generator=generator)
        smooth = F.interpolate(coarse, size, mode="bilinear", align_corners=False)
        sources.append((smooth + 0.05 * torch.randn(1, 3, *size, generator=generator)).clamp(0, 1))
    return sources


def feed(generator: Generator, tasks: Sequence[str], source: Tensor, strength: float, seed: int) -> Inputs:
    """The inputs of a file with these tasks for sources (B, 3, H, W), including a random latent if there is one."""
    values = {"source": source.numpy(), "strength": np.full(len(tasks), strength, dtype=np.float32)}
    if any(generator.specs[name].latent for name in tasks):
        values["latent"] = generator.draw_latent(len(source), torch.Generator().manual_seed(seed)).numpy()
    return values


@torch.inference_mode()
def measure(generator: Generator, tasks: Sequence[str], run: Run, sources: Sequence[Source]) -> list[TaskParity]:
    """Compare the file's pictures with the generator's; the first source is also tested in a batch of two."""
    errors: dict[str, list[NDArray[Any]]] = {name: [] for name in tasks}
    batches = [torch.cat([sources[0], sources[0].flip(-1)]), *sources]
    for seed, (batch, strength) in enumerate(zip(batches, (1.0, *STRENGTHS), strict=True)):
        values = feed(generator, tasks, batch, strength, seed)
        for name, output, expected in zip(tasks, run(values), render(generator, tasks, values), strict=True):
            assert output.shape == expected.shape, f"{name}: {output.shape} instead of {expected.shape}"
            errors[name].append(255 * (output - expected).ravel())
    return [parity_of(name, generator.specs[name].scale, np.concatenate(parts)) for name, parts in errors.items()]


@torch.inference_mode()
def render(generator: Generator, tasks: Sequence[str], values: Inputs, *, half: bool = False) -> list[NDArray[Any]]:
    """The outputs of a file for these inputs, computed by torch; ``half`` with features in float16."""
    given = {name: torch.from_numpy(value) for name, value in values.items()}
    with torch.autocast("cpu", torch.float16, enabled=half):
        outputs = generator.decode(generator.encode(given["source"] * 2 - 1, tasks), given.get("latent"), tasks)
    pictures = []
    for name, strength in zip(tasks, given["strength"], strict=True):
        base = generator.enlarged(given["source"] * 2 - 1, generator.specs[name].scale).clamp(-1, 1)
        mixed = torch.lerp(base, outputs[name].float().clamp(-1, 1), strength)
        pictures.append(mixed.add(1).div(2).clamp(0, 1).numpy())
    return pictures


def worse(first: Sequence[TaskParity], second: Sequence[TaskParity]) -> list[TaskParity]:
    """The larger differences of two measurements of the same tasks."""

    def of_task(a: TaskParity, b: TaskParity) -> TaskParity:
        return TaskParity(a.task, a.scale, max(a.maximum, b.maximum), max(a.mean, b.mean), min(a.psnr, b.psnr))

    return [of_task(*pair) for pair in zip(first, second, strict=True)]


def problem(precision: Precision, generator: Generator, parities: Sequence[TaskParity]) -> str | None:
    """A description of the task that exceeds the tolerance most; None if all are within it."""
    if precision == "int8":
        lacking = [(row.psnr - INT8_PSNR[generator.specs[row.task].fine], row) for row in parities]
        worst, row = min(lacking, key=lambda entry: -math.inf if math.isnan(entry[0]) else entry[0])
        limit = INT8_PSNR[generator.specs[row.task].fine]
        # In this form NaN fails, too.
        return None if worst >= 0 else f"{row.task!r} has {row.psnr:.1f} dB against float32, expected {limit:g} or more"
    shares = [(max(row.maximum / MAXIMUM[precision], row.mean / MEAN[precision]), row) for row in parities]
    worst, row = max(shares, key=lambda entry: math.inf if math.isnan(entry[0]) else entry[0])
    if worst <= 1:
        return None
    off = f"up to {row.maximum:.3g} and on average {row.mean:.3g} of 255 levels off"
    return f"{row.task!r} is {off}, expected at most {MAXIMUM[precision]:g} and {MEAN[precision]:g}"


def parity_of(task: str, scale: int, errors: NDArray[Any]) -> TaskParity:
    """Summarise the differences of a task's pixels, in 1/255."""
    sizes = np.abs(errors)
    square = float(np.mean(np.square(errors, dtype=np.float64)))
    psnr = math.inf if square == 0 else 10 * math.log10(255**2 / square)
    return TaskParity(task, scale, float(sizes.max()), float(sizes.mean()), psnr)
