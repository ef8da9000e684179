"""Whole-number arithmetic: an ONNX model whose convolutions multiply 8-bit numbers, calibrated on pictures."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray

from prismgan.errors import PrismganError

__all__ = ["in_int8"]


def in_int8(
    model: onnx.ModelProto, feeds: Iterable[Mapping[str, NDArray[Any]]], keep: Iterable[str]
) -> onnx.ModelProto:
    """The model with convolutions in int8, in ONNX's form of pairs of QuantizeLinear and DequantizeLinear.

    Weights have one scale a channel and 7 of the 8 bits (older processors add pairs of products in 16 bits, which
    would overflow with all); maps have one scale each, from the least to the greatest value that calibration sees.

    Args:
        model: in float32.
        feeds: inputs to calibrate with.
        keep: names of convolutions that stay in float32.

    Raises:
        PrismganError: there is no room for temporary files.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    given = onnx.ModelProto()
    given.CopyFrom(model)  # what it is given loses its weights

    root, level = logging.getLogger(), logging.getLogger().level
    root.setLevel(logging.ERROR)  # it recommends steps that are for models of other programs
    try:
        with tempfile.TemporaryDirectory(prefix="prismgan-") as folder:
            path = Path(folder) / "int8.onnx"
            quantize_static(
                given,
                path,
                _Reader(feeds),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                nodes_to_exclude=list(keep),
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
            found = onnx.load(path)
    except OSError as error:
        raise PrismganError(
            f"int8: temporary files cannot be written ({error.strerror or error}); set TMPDIR to a folder with room"
        ) from None
    finally:
        root.setLevel(level)
    del found.metadata_props[:]
    found.metadata_props.extend(model.metadata_props)
    found.producer_name = model.producer_name
    return found


class _Reader:
    """What ONNX Runtime asks for one input after the other."""

    def __init__(self, feeds: Iterable[Mapping[str, NDArray[Any]]]) -> None:
        self._left: Iterator[Mapping[str, NDArray[Any]]] = iter(feeds)

    def get_next(self) -> Mapping[str, NDArray[Any]] | None:
        """The next, None after the last."""
        return next(self._left, None)
