"""An ONNX graph under construction: nodes are added in the order of their computation, and values are names."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from torch import Tensor, nn

OPSET = 17  # version of ONNX's operators, from 2022, so that older programs can read the file
IR_VERSION = 8  # version of the file's layout that belongs to it
Sizes = Sequence[int | str]  # of a value; a string is a dynamic size


class Graph:
    """A graph under construction. A value that a method takes or returns is a name. Pictures are float32; with ``half``
    the weights, and the maps between :meth:`to_network` and :meth:`to_picture`, are float16. With ``compact``,
    constants are stored in float16 if it represents them exactly; computation is in float32."""

    def __init__(self, *, half: bool = False, compact: bool = False) -> None:
        self._compact = compact
        self._network = np.dtype(np.float16 if half else np.float32)
        self._nodes: list[onnx.NodeProto] = []
        self._names: set[str] = set()
        self._known: set[str] = set()  # names of all constants
        self._constants: dict[str, onnx.TensorProto] = {}  # as they are stored
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, sizes: Sizes, default: NDArray[np.float32] | None = None) -> str:
        """Declare a float32 input, which is optional if it has a default."""
        self._inputs.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sizes))
        if default is not None:
            self._constants[name] = numpy_helper.from_array(default, name)
        return name

    def output(self, value: str, name: str, sizes: Sizes) -> None:
        """Declare a value to be a float32 output of this name."""
        self.operation("Identity", value, output=name)
        self._outputs.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sizes))

    def operation(self, kind: str, *values: str, name: str | None = None, output: str = "", **attributes: Any) -> str:
        """Add a node of ONNX's operator ``kind`` with one output; returns the output. A repeated name gets a suffix."""
        name = name or f"{kind}_{len(self._nodes)}"
        while name in self._names:
            name += "'"
        self._names.add(name)
        output = output or f"{name}:0"
        self._nodes.append(helper.make_node(kind, values, [output], name=name, **attributes))
        return output

    def integers(self, *numbers: int) -> str:
        """A constant (N,) of whole numbers."""
        return self._constant(f"integers {' '.join(map(str, numbers))}", np.array(numbers, dtype=np.int64))

    def number(self, number: float) -> str:
        """A float32 constant without dimensions."""
        return self._constant(f"number {number:g}", np.array(number, dtype=np.float32))

    def picture_weight(self, name: str, tensor: Tensor) -> str:
        """A named constant in float32, for computations on pictures."""
        return self._constant(name, tensor.detach().float().numpy())

    def weight(self, name: str, tensor: Tensor) -> str:
        """A constant of this name in the network's precision."""
        return self._constant(name, tensor.detach().float().numpy().astype(self._network))

    def to_network(self, value: str) -> str:
        """Convert a float32 value to the network's precision."""
        return self._cast(value, self._network)

    def to_picture(self, value: str) -> str:
        """Convert a value from the network's precision to float32."""
        return self._cast(value, np.dtype(np.float32))

    def new_name(self, name: str) -> str:
        """A name that no constant of the graph has yet."""
        while not self._known.isdisjoint((name, f"{name}.weight", f"{name}.scale")):
            name += "'"
        return name

    def convolution(self, name: str, layer: nn.Conv2d, maps: str, folded: tuple[Tensor, Tensor] | None = None) -> str:
        """A convolution of this name, with the layer's padding (replicated or zeros), and its or ``folded`` weights."""
        border = layer.padding[0]
        assert not isinstance(border, str)
        zeros = border if layer.padding_mode == "zeros" else 0
        if border and not zeros:
            assert layer.padding_mode == "replicate"
            maps = self.repeated(maps, border)
        weight, bias = folded or (layer.weight, layer.bias)
        return self.filtered(name, maps, weight, bias, strides=list(layer.stride), pads=4 * [zeros])

    def filtered(self, name: str, maps: str, weight: Tensor, bias: Tensor | None = None, **attributes: Any) -> str:
        """A convolution of this name, with this weight (O, C, h, w) and bias (O,) and without padding by default."""
        constants = [self.weight(f"{name}.weight", weight)]
        if bias is not None:
            constants.append(self.weight(f"{name}.bias", bias))
        return self.operation("Conv", maps, *constants, name=name, kernel_shape=list(weight.shape[2:]), **attributes)

    def linear(self, name: str, weight: Tensor, bias: Tensor, values: str) -> str:
        weights = self.weight(f"{name}.weight", weight), self.weight(f"{name}.bias", bias)
        return self.operation("Gemm", values, *weights, name=name, transB=1)

    def shuffle(self, maps: str, factor: int) -> str:
        return self.operation("DepthToSpace", maps, blocksize=factor, mode="CRD")

    def regrouped(self, maps: str, factor: int, other: int, channels: int = 3) -> str:
        """``blocks.regrouped`` of maps that are unshuffled from this number of channels."""
        if factor == other:
            return maps
        picture = self.shuffle(maps, factor) if factor > 1 else maps
        return self.unshuffle(picture, other, channels) if other > 1 else picture

    def doubled(self, maps: str) -> str:
        """The maps at twice the size, like torch's bilinear interpolation with ``align_corners=False``."""
        scales = self._constant("twice", np.array([1, 1, 2, 2], dtype=np.float32))
        return self.operation("Resize", maps, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")

    def repeated(self, maps: str, border: int) -> str:
        """The maps with ``border`` more rows and columns on each side, replicated."""
        return self.operation("Pad", maps, self.integers(0, 0, border, border, 0, 0, border, border), mode="edge")

    def blurred(self, maps: str) -> str:
        """The maps blurred by (1, 2, 1) in both directions, as in ``networks/blocks``."""
        maps = self.repeated(maps, 1)
        for _ in range(2):
            maps = self.operation("AveragePool", maps, kernel_shape=[2, 2], strides=[1, 1])
        return maps

    def mixed(self, name: str, maps: str, matrix: Tensor) -> str:
        """Every pixel's channels of a picture times a matrix (out, in)."""
        return self.operation("Conv", maps, self.picture_weight(name, matrix[..., None, None]), kernel_shape=[1, 1])

    def guided_lines(self, image: str, guide: str, radius: int, epsilon: float) -> tuple[str, str]:
        """Slope and offset of the guided filter, as computed by ``guided_lines`` in ``images/filters``."""
        side = 2 * radius + 1

        def mean(maps: str) -> str:
            repeated = self.repeated(maps, radius)
            return self.operation("AveragePool", repeated, kernel_shape=[side, side], strides=[1, 1])

        mean_image, mean_guide = mean(image), mean(guide)

        def covariance(one: str, mean_one: str) -> str:
            product = self.operation("Mul", mean_one, mean_guide)
            return self.operation("Sub", mean(self.operation("Mul", one, guide)), product)

        variance = self.operation("Add", covariance(guide, mean_guide), self.number(epsilon))
        slope = self.operation("Div", covariance(image, mean_image), variance)
        offset = self.operation("Sub", mean_image, self.operation("Mul", slope, mean_guide))
        return mean(slope), mean(offset)

    def unshuffle(self, picture: str, factor: int, channels: int = 3) -> str:
        """torch's ``pixel_unshuffle`` as a convolution with ones and zeros, because SpaceToDepth orders the channels
        differently, and OpenVINO 2026 does not know the sizes after it."""
        diagonal = torch.eye(channels * factor**2).view(-1, channels, factor, factor)
        ones = self.picture_weight(f"unshuffle {channels} by {factor}", diagonal)
        sides = [factor, factor]
        return self.operation("Conv", picture, ones, kernel_shape=sides, strides=sides, name=f"cells of {factor}")

    def normalised(self, maps: str, scale: Tensor, shift: Tensor, name: str, epsilon: float) -> str:
        """Instance normalisation, then times ``scale`` plus ``shift`` (C,)."""
        weights = self.weight(f"{name}.scale", scale), self.weight(f"{name}.shift", shift)
        return self.operation("InstanceNormalization", maps, *weights, name=name, epsilon=epsilon)

    def range(self, start: int, length: str) -> str:
        """The ``length`` (a value without dimensions) whole numbers from ``start`` on."""
        first, one = self.scalar(start), self.scalar(1)
        return self.operation("Range", first, self.operation("Add", length, first), one)

    def scalar(self, number: int) -> str:
        """A constant whole number without dimensions."""
        return self._constant(f"scalar {number}", np.array(number, dtype=np.int64))

    def side(self, maps: str, axis: int) -> str:
        """Length of an axis, as a scalar."""
        return self.operation("Gather", self.operation("Shape", maps), self.scalar(axis), axis=0)

    def spatial(self, maps: str) -> str:
        """Height and width (2,)."""
        return self.operation("Slice", self.operation("Shape", maps), *map(self.integers, (2, 4, 0)))

    def cropped(self, maps: str, spatial: str) -> str:
        """The upper left part, of this height and width (2,)."""
        return self.operation("Slice", maps, self.integers(0, 0), spatial, self.integers(2, 3))

    def interior(self, maps: str, border: int = 1) -> str:
        """The maps without the ``border`` outermost rows and columns on each side."""
        ends = self.integers(border, border), self.integers(-border, -border)
        return self.operation("Slice", maps, *ends, self.integers(2, 3))

    def model(self, title: str, metadata: Mapping[str, str] | None = None) -> onnx.ModelProto:
        """The model, checked; an error of the checker is a bug in the code that built the graph."""
        graph = helper.make_graph(self._nodes, title, self._inputs, self._outputs, list(self._constants.values()))
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, producer_name="prismgan", opset_imports=opsets, ir_version=IR_VERSION)
        helper.set_model_props(model, dict(metadata or {}))
        onnx.checker.check_model(model)
        return model

    def _cast(self, value: str, kind: np.dtype[Any]) -> str:
        if self._network == np.float32:
            return value
        return self.operation("Cast", value, to=helper.np_dtype_to_tensor_dtype(kind))

    def _constant(self, name: str, content: NDArray[Any]) -> str:
        if name in self._known:
            return name
        self._known.add(name)
        halves = content.astype(np.float16) if self._compact and content.dtype == np.float32 else None
        if halves is None or not np.array_equal(halves, content):
            self._constants[name] = numpy_helper.from_array(np.asarray(content, order="C"), name)
            return name
        stored = f"{name} in float16"
        self._constants[stored] = numpy_helper.from_array(np.asarray(halves, order="C"), stored)
        return self.operation("Cast", stored, name=f"{name} in float32", output=name, to=onnx.TensorProto.FLOAT)
