"""What computes the generator: torch, ONNX Runtime or OpenVINO. All give the same pictures, within 1/255."""

from __future__ import annotations

import copy
import importlib.util
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from prismgan.errors import PrismganError, nearest
from prismgan.networks import Generator
from prismgan.networks.generator import Encoded, Features

__all__ = [
    "RUNTIMES",
    "OnnxRuntime",
    "Runtime",
    "RuntimeName",
    "TorchRuntime",
    "available_threads",
    "make_runtime",
]

RuntimeName = Literal["torch", "onnxruntime", "openvino"]
RUNTIMES: tuple[RuntimeName, ...] = ("torch", "onnxruntime", "openvino")

Run = Callable[[dict[str, NDArray[Any]]], list[NDArray[Any]]]
"""From inputs by name to outputs in their order."""


class Runtime(Protocol):
    """What renders tiles. A source is encoded once, and decoded as often as there are scales and seeds."""

    def encode(self, source: Float[Tensor, "1 3 H W"], tasks: Sequence[str]) -> Encoded:
        """The part of the work that these tasks share; the source is in [-1, 1]."""

    def decode(
        self, encoded: Encoded, latent: Float[Tensor, "1 Z"], tasks: Sequence[str]
    ) -> dict[str, Float[Tensor, "1 3 sH sW"]]:
        """The tasks' images of what was encoded for them, on the CPU, not clipped."""

    def enlarged(self, encoded: Encoded, scale: int) -> Float[Tensor, "1 3 sH sW"]:
        """The source, enlarged bicubically, on the CPU."""


def make_runtime(generator: Generator, name: str | None = None) -> Runtime:
    """The runtime of this name; by default torch, on the GPU where there is one.

    The others are no default: with the ready-made weights they take 6 % less time for all looks on a CPU and up to 20 %
    for one, after 0.3 s or more for a start. Tiles are sized by the memory that torch takes. ONNX Runtime takes as
    much, OpenVINO between three and four times that.

    Raises:
        PrismganError: there is none of this name, or a package that it needs is not installed.
    """
    if name is not None and name not in RUNTIMES:
        raise PrismganError(f"no runtime is named {name!r}{nearest(name, RUNTIMES)} (there are: {', '.join(RUNTIMES)})")
    if name is None or name == "torch":
        return TorchRuntime(generator)
    missing = [package for package in ("onnx", name) if not _is_installed(package)]
    if missing:
        extra = "export" if name == "onnxruntime" else "openvino"
        raise PrismganError(
            f"runtime {name}: needs the package {' and '.join(missing)}; install it: pip install 'prismgan[{extra}]'"
        )
    return OnnxRuntime(generator, _onnxruntime_session if name == "onnxruntime" else _openvino_session)


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def available_threads() -> int:
    """Threads that compute at once: as many as torch takes, but no more than the cores that this process may use.

    torch knows ``OMP_NUM_THREADS`` and the cores that the process is bound to; it does not know that a container has
    less of their time.
    """
    return max(1, math.ceil(min(torch.get_num_threads(), _processor_quota(Path("/sys/fs/cgroup")))))


def _processor_quota(cgroup: Path) -> float:
    """Cores' worth of time that a container's control group allows; infinite where it does not say."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()  # version 2
    except (OSError, ValueError):
        try:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()  # version 1
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return math.inf
    return int(quota) / int(period) if quota.isdecimal() and int(period) > 0 else math.inf


class TorchRuntime:
    """The generator itself, on a GPU where there is one.

    On the CPU torch's threads, which the whole process shares, are brought down to :func:`available_threads`.
    """

    def __init__(self, generator: Generator, device: torch.device | str | None = None) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        # The renderer's own stays on the CPU, where its weights can be looked at and exported.
        self.generator = generator if self.device.type == "cpu" else copy.deepcopy(generator).to(self.device)
        if self.device.type == "cpu" and available_threads() < torch.get_num_threads():
            torch.set_num_threads(available_threads())

    def encode(self, source: Float[Tensor, "1 3 H W"], tasks: Sequence[str]) -> Encoded:
        return self.generator.encode(source.to(self.device), tasks)

    def decode(
        self, encoded: Encoded, latent: Float[Tensor, "1 Z"], tasks: Sequence[str]
    ) -> dict[str, Float[Tensor, "1 3 sH sW"]]:
        decoded = self.generator.decode(encoded, latent.to(self.device), tasks)
        return {name: image.cpu() for name, image in decoded.items()}

    def enlarged(self, encoded: Encoded, scale: int) -> Float[Tensor, "1 3 sH sW"]:
        return self.generator.enlarged(encoded, scale).cpu()


class OnnxRuntime:
    """Two ONNX graphs: the trunk, and the heads of the tasks that are asked for; both made when first needed.

    Args:
        generator: whose weights are taken as they are now; on the CPU.
        session: makes a function of an ONNX model's bytes.
    """

    def __init__(self, generator: Generator, session: Callable[[bytes], Run]) -> None:
        self.generator = generator
        self._session = session
        self._trunks: dict[bool, Run] = {}
        self._heads: dict[tuple[str, ...], Run] = {}

    def encode(self, source: Float[Tensor, "1 3 H W"], tasks: Sequence[str]) -> Encoded:
        from prismgan.export.parts import trunk_model

        fine = any(self.generator.specs[name].fine for name in tasks)
        if fine not in self._trunks:
            self._trunks[fine] = self._session(trunk_model(self.generator, fine=fine).SerializeToString())
        bordered = self.generator.bordered(source).contiguous()
        maps = [torch.from_numpy(found) for found in self._trunks[fine]({"bordered": bordered.numpy()})]
        features = Features(maps[0], maps[1], maps[2] if fine else None)
        return Encoded(features, bordered, *source.shape[-2:])

    def decode(
        self, encoded: Encoded, latent: Float[Tensor, "1 Z"], tasks: Sequence[str]
    ) -> dict[str, Float[Tensor, "1 3 sH sW"]]:
        from prismgan.export.parts import heads_inputs, heads_model

        names, specs = tuple(tasks), self.generator.specs
        if names not in self._heads:
            self._heads[names] = self._session(heads_model(self.generator, names).SerializeToString())
        given = {"bordered": encoded.bordered, "latent": latent, **encoded.features._asdict()}
        values = {name: given[name].numpy() for name in heads_inputs(self.generator, names)}
        images = dict(zip(names, map(torch.from_numpy, self._heads[names](values)), strict=True))
        return {
            name: image[..., : encoded.height * specs[name].scale, : encoded.width * specs[name].scale]
            for name, image in images.items()
        }

    def enlarged(self, encoded: Encoded, scale: int) -> Float[Tensor, "1 3 sH sW"]:
        return self.generator.enlarged(encoded, scale)


def _onnxruntime_session(model: bytes) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = available_threads()
    # Threads that wait would keep their cores busy; see the command line's GOMP_SPINCOUNT.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # An arena never gives back the memory of the largest tile.
    options.enable_cpu_mem_arena = False
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda values: list(session.run(None, values))


def _openvino_session(model: bytes) -> Run:
    import openvino

    core = openvino.Core()
    # bfloat16, its default where the processor has it, is more than 1/255 off.
    settings = {
        "INFERENCE_NUM_THREADS": available_threads(),
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = core.compile_model(core.read_model(model), "CPU", settings)
    request = compiled.create_infer_request()

    def run(values: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        found = request.infer(values)
        return [np.array(found[output]) for output in compiled.outputs]  # its own memory is written to again

    return run
