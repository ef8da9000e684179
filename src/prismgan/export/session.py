"""ONNX Runtime on the processor, and the precisions that an exported file computes in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

from numpy.typing import NDArray

from prismgan.machine import available_threads

__all__ = ["PRECISIONS", "Precision", "Run", "onnxruntime_session"]

Run = Callable[[Mapping[str, NDArray[Any]]], Sequence[NDArray[Any]]]
"""From inputs by name to outputs in their order."""


def onnxruntime_session(model: bytes) -> Run:
    """A function of an ONNX model's bytes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors alone
    options.intra_op_num_threads = available_threads()
    # Threads that wait would keep their cores busy; see the command line's GOMP_SPINCOUNT.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # An arena never gives back the memory of the largest picture.
    options.enable_cpu_mem_arena = False
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda values: list(session.run(None, dict(values)))


Precision = Literal["float32", "float16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
