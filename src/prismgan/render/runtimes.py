"""Runtimes of the generator: torch, ONNX Runtime or OpenVINO, equal within 1/255; and the cost of all tasks vs one."""

import copy
import statistics
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from prismgan.errors import PrismganError, nearest
from prismgan.export.parity import Inputs, Run, onnxruntime_session
from prismgan.machine import available_threads, take_turns, usable_device
from prismgan.networks import Generator, ImageGenerator
from prismgan.networks.task_generator import Images
from prismgan.packages import missing, require

RUNTIMES = ("torch", "onnxruntime", "openvino")
AUTOMATIC = "auto"
KEPT = 8  # graphs that are kept: a chain needs one per link


class Pass(NamedTuple):
    """Tasks that are computed together."""

    seed: int  # of the latent
    tasks: tuple[str, ...]


class TorchRuntime:
    """The generator itself, on a GPU if there is one, otherwise on the CPU with :func:`available_threads` threads."""

    together = False  # whether the outputs of all passes are in memory at once

    def __init__(self, generator: ImageGenerator, device: torch.device | None, fast: bool) -> None:
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        # The renderer's own copy stays on the CPU, where its weights can be read and exported.
        self.generator = generator if self.device.type == "cpu" else copy.deepcopy(generator).to(self.device)
        self.fast = fast
        if self.device.type == "cpu" and available_threads() < torch.get_num_threads():
            torch.set_num_threads(available_threads())

    @torch.inference_mode()
    def outputs(self, source: Float[Tensor, "B 3 H W"], passes: Sequence[Pass]) -> Iterator[Images]:
        """The tasks' images in [-1, 1] for each pass in turn, on the CPU, not clipped; the trunk is computed once."""
        generator, tasks = self.generator, [name for each in passes for name in each.tasks]
        with self._precision():
            encoded = generator.encode(source.to(self.device), tasks)
        for each in passes:
            with self._precision():
                decoded = generator.decode(encoded, generator.seeded_latent(each.seed).to(self.device), each.tasks)
            yield {name: decoded.pop(name).float().cpu() for name in each.tasks}

    def _precision(self) -> torch.autocast:
        kind = self.device.type
        return torch.autocast(kind, torch.bfloat16 if kind == "cpu" else torch.float16, enabled=self.fast)


class OnnxRuntime:
    """One ONNX graph for every sequence of passes, built on first use; the last few are kept."""

    together = True

    def __init__(self, generator: Generator, session: Callable[[bytes], Run]) -> None:
        self.generator = generator
        self._session = session
        self._made = lru_cache(maxsize=KEPT)(self._make)

    def outputs(self, source: Float[Tensor, "B 3 H W"], passes: Sequence[Pass]) -> Iterator[Images]:
        run = self._made(tuple(passes))
        height, width = source.shape[-2:]
        names = [name for each in passes for name in each.tasks]
        inputs = {}
        if not all(map(self.generator.reads_whole, names)):
            inputs["bordered"] = self.generator.bordered(source).contiguous().numpy()
        if any(map(self.generator.reads_whole, names)):
            inputs["source"] = source.contiguous().numpy()
        images = iter(run(inputs))
        for each in passes:
            decoded = {}
            for name in each.tasks:
                image, scale = torch.from_numpy(next(images)), self.generator.specs[name].scale
                if not self.generator.reads_whole(name):
                    image = F.pixel_shuffle(image, 2 * scale)[..., : height * scale, : width * scale]
                decoded[name] = image
            yield decoded

    def _make(self, passes: tuple[Pass, ...]) -> Run:
        from prismgan.export.onnx_file import passes_model

        return self._session(passes_model(self.generator, passes).SerializeToString())


def openvino_session(fast: bool, model: bytes) -> Run:
    """A function that runs the ONNX model in these bytes, in bfloat16 if ``fast``."""
    import openvino

    core = openvino.Core()
    settings = {
        "INFERENCE_NUM_THREADS": available_threads(),
        # bfloat16 is its default if the processor supports it.
        "INFERENCE_PRECISION_HINT": "bf16" if fast else "f32",
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = core.compile_model(core.read_model(model), "CPU", settings)
    request, lock = compiled.create_infer_request(), threading.Lock()

    def run(values: Inputs) -> list[NDArray[Any]]:
        with lock:  # an inference request serves one thread at a time
            results = request.infer(dict(values), share_inputs=True, share_outputs=True)
            return [np.array(results[output]) for output in compiled.outputs]  # copies, because its memory is reused

    return run


def make_runtime(
    generator: ImageGenerator, name: str | None = None, *, fast: bool = False, device: torch.device | str | None = None
) -> TorchRuntime | OnnxRuntime:
    """The runtime with this name; see :class:`~prismgan.render.renderer.Renderer` for arguments and errors.
    :data:`AUTOMATIC` is OpenVINO if it is installed, there is no GPU, and the generator is ours; otherwise torch."""
    if name == AUTOMATIC:
        name = _automatic(generator) if device is None else "torch"
    if name is not None and name not in RUNTIMES:
        raise PrismganError(f"no runtime is named {name!r}{nearest(name, (*RUNTIMES, AUTOMATIC), 'available')}")
    if name is None or name == "torch":
        return TorchRuntime(generator, None if device is None else usable_device(device), fast)
    if device is not None:
        raise PrismganError(f"runtime {name}: does not support device; omit device, or use torch")
    if fast and name == "onnxruntime":
        raise PrismganError(f"runtime {name}: supports fast only for files in int8; use openvino or torch")
    require(f"runtime {name}", "export" if name == "onnxruntime" else "openvino", "onnx", name)
    if not isinstance(generator, Generator):
        raise PrismganError(f"runtime {name}: supports only models of kind prism; use torch for these weights")
    return OnnxRuntime(generator, onnxruntime_session if name == "onnxruntime" else partial(openvino_session, fast))


def _automatic(generator: ImageGenerator) -> str:
    ours = isinstance(generator, Generator)
    return "openvino" if ours and not torch.cuda.is_available() and not missing(("onnx", "openvino")) else "torch"


def measure_cost(generator: ImageGenerator, height: int, width: int, repeats: int = 7) -> dict[str, Any]:
    """The content of a report's ``cost.json``: median milliseconds of one pass for every task alone and for all tasks,
    measured in turn. ``one_ms`` is the mean over single tasks: K outputs in K runs cost K times as much."""
    source = torch.rand(1, 3, height, width).mul(2).sub(1).to(memory_format=torch.channels_last)
    names = list(generator.specs)
    with torch.inference_mode():
        ways = {name: partial(generator, source, tasks=[name]) for name in names}
        # The key "" cannot clash: names of tasks are not empty.
        seconds = take_turns({"": partial(generator, source, tasks=names), **ways}, repeats)
    everything, *alone = (1000 * median for median in seconds.values())
    one = statistics.mean(alone)
    counts = generator.parameter_counts()
    about = {"height": height, "width": width, "tasks": len(names)}
    times = {"one_ms": one, "all_ms": everything, "ratio": everything / one}
    parameters = {"trunk": counts.pop("shared"), "heads": counts}
    return {**about, **times, "alone_ms": dict(zip(names, alone, strict=True)), "parameters": parameters}
