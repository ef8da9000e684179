"""The generator as nodes of an ONNX graph: what ``networks/generator.py`` computes, in ONNX's operators.

Written out, not traced: a tracer takes half a minute, wraps every size in a dozen nodes, and leaves sizes of outputs
that no reader understands. What is written twice is compared: no file is written whose outputs are not the generator's.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.export.graph import Graph
from prismgan.networks import Generator
from prismgan.networks.blocks import SLOPE, Modulation, ResidualBlock
from prismgan.networks.generator import BORDER, CoarseHead, FineHead

__all__ = ["Base", "FeatureNames", "GeneratorGraph"]


Code = str | Float[Tensor, "1 C"]
"""What z has become: a value of the graph, or numbers."""


class FeatureNames(NamedTuple):
    """The values that :class:`~prismgan.networks.generator.Features` are, with the borders that heads need."""

    shallow: str
    coarse: str
    fine: str | None
    margin: int
    """Cells that the coarse ones have beyond the picture; the shallow ones have :data:`BORDER` where this is not 0."""


class Base(NamedTuple):
    """What the heads of a scale start from, as sub-pixels of the cells at 1/2: (B, 3 (2 scale)^2, h, w)."""

    cells: str
    """The source, enlarged bicubically."""
    detail: str | None
    """What it has beyond its own half resolution; None where no head asks for it."""


class GeneratorGraph:
    """Adds a generator's parts to a graph; values are names, as in :class:`~prismgan.export.graph.Graph`.

    With ``fours`` the last maps of heads that repaint are eight instead of six, two of them zeros: onnxruntime-web 1.30
    gets a convolution of six maps wrong on graphics processors.
    """

    def __init__(self, graph: Graph, generator: Generator, *, fours: bool = False) -> None:
        self.graph = graph
        self.generator = generator
        self.fours = fours
        self._names: dict[nn.Module, str] = {module: name for name, module in generator.named_modules()}

    def bordered(self, source: str, spatial: str) -> str:
        """(B, 3, H, W) as the generator's ``Encoded.bordered``; ``spatial`` (2,) holds H and W."""
        graph = self.graph
        more = graph.operation("Mod", graph.operation("Neg", spatial), graph.integers(self.generator.multiple))
        behind = graph.operation("Add", more, graph.integers(2))
        pads = graph.operation("Concat", graph.integers(0, 0, 2, 2, 0, 0), behind, axis=0)
        padded = graph.operation("Pad", source, pads, mode="edge")
        # Pixel unshuffling as a convolution with ones and zeros. (SpaceToDepth has another order of channels, and
        # OpenVINO 2026 loses the sizes behind one: it finds no common size for what is added later.)
        ones = graph.picture_weight("unshuffle", torch.eye(12).view(12, 3, 2, 2))
        return graph.operation("Conv", padded, ones, kernel_shape=[2, 2], strides=[2, 2], name="unshuffle cells")

    def trunk(self, cells: str, names: Collection[str]) -> FeatureNames:
        """The features that these tasks need of the cells without their border."""
        shallow, skips, shared = self.way_down(cells)
        wanted = {self.generator.specs[name].fine for name in names}
        coarse = self.repainted(shared) if False in wanted else shared
        fine = self.way_up(skips, shared) if True in wanted else None
        return self.with_margin(shallow, coarse, fine, names)

    def way_down(self, cells: str) -> tuple[str, list[str], str]:
        """The shallow features, what :meth:`way_up` starts from at every level (finest first), and the coarse ones that
        all heads share."""
        trunk = self.generator.trunk
        shallow = maps = self._convolution(trunk.stem, self.graph.to_network(cells))
        skips = []
        for down in trunk.down:
            skips.append(maps)
            maps = self._convolution(down, self._activation(maps))
        return shallow, skips, self._blocks(trunk.common, maps)

    def repainted(self, shared: str) -> str:
        """The coarse features of heads that repaint."""
        graph, painting = self.graph, self.generator.trunk.painting
        if painting is None:
            return shared
        whole = graph.operation("Pad", self._activation(shared), graph.integers(0, 0, 0, 0, 0, 0, 1, 1), mode="edge")
        maps = self._blocks(painting.blocks, self._convolution(painting.down, whole))
        enlarged = graph.enlarge(graph.softened(self._convolution(painting.up, maps)), 2)
        enlarged = graph.cropped(enlarged, graph.spatial(shared))
        return self._blocks(painting.refining, graph.operation("Add", shared, enlarged))

    def way_up(self, skips: Sequence[str], shared: str) -> str:
        """The fine features."""
        graph, trunk = self.graph, self.generator.trunk
        maps = self._blocks(trunk.restoring, shared)
        for skip, up, blocks in reversed(list(zip(skips, trunk.up, trunk.fine, strict=True))):
            enlarged = graph.shuffle(self._convolution(up, maps), 2)
            assert isinstance(blocks, nn.Sequential)
            maps = self._blocks(blocks, graph.operation("Add", skip, enlarged))
        return maps

    def with_margin(self, shallow: str, coarse: str, fine: str | None, names: Collection[str]) -> FeatureNames:
        """The features with the borders that these tasks' heads need."""
        margin = self.generator.margin(names)
        if margin:
            shallow, coarse = self.graph.repeated(shallow, BORDER), self.graph.repeated(coarse, margin)
        return FeatureNames(shallow, coarse, fine, margin)

    def code(self, latent: str) -> str:
        """(B, Z) through the fully connected layers."""
        first, _, second, _ = self.generator.mapping
        value = self.graph.to_network(latent)
        for layer in (first, second):
            assert isinstance(layer, nn.Linear)
            value = self._activation(self.graph.linear(self._names[layer], layer, value))
        return value

    def bases(self, bordered: str, names: Iterable[str]) -> dict[int, Base]:
        """What these tasks' heads start from, by scale."""
        bases = {}
        specs = [self.generator.specs[name] for name in names]
        for scale in sorted({spec.scale for spec in specs}):
            cells = self.enlarged(bordered, scale)
            wanted = any(spec.scale == scale and not spec.fine for spec in specs)
            bases[scale] = Base(cells, self._detail(cells, scale) if wanted else None)
        return bases

    def enlarged(self, bordered: str, scale: int) -> str:
        """The source, enlarged bicubically, as sub-pixels of the cells at 1/2."""
        graph = self.graph
        if scale == 1:
            return graph.interior(bordered)
        weight = graph.picture_weight(f"bicubic{scale}", self.generator.get_buffer(f"bicubic{scale}"))
        return graph.operation("Conv", bordered, weight, kernel_shape=[3, 3], name=f"enlarge {scale}x")

    def looks(
        self, features: FeatureNames, bases: Mapping[int, Base], code: Code | None, names: Iterable[str]
    ) -> dict[str, str]:
        """By task its picture in [-1, 1] (not clipped) as sub-pixels, of whole cells; see :meth:`pixels`.

        ``code`` is a value (B, C), or one code (1, C) for all pictures, which becomes a part of the weights.
        """
        looks = {}
        for name in names:
            head, base = self.generator.heads[name], bases[self.generator.specs[name].scale]
            if isinstance(head, FineHead):
                residual = self._fine(head, features, code)
            else:
                assert isinstance(head, CoarseHead)
                residual = self._coarse(head, features, code, base)
            additive = self.generator.specs[name].additive
            looks[name] = self.graph.operation("Add", residual, base.cells) if additive else residual
        return looks

    def pixels(self, cells: str, scale: int) -> str:
        """Pixels (B, 3, H, W) of sub-pixels."""
        return self.graph.shuffle(cells, 2 * scale)

    def _fine(self, head: FineHead, features: FeatureNames, code: Code | None) -> str:
        assert features.fine is not None
        maps = self._blocks(head.blocks, features.fine, code)
        return self.graph.to_picture(self._convolution(head.last, maps))

    def _coarse(self, head: CoarseHead, features: FeatureNames, code: Code | None, base: Base) -> str:
        graph = self.graph
        assert base.detail is not None
        maps = self._activation(self._convolution(head.narrow, features.coarse))
        maps = self._blocks(head.blocks, maps, code)
        maps = self._convolution(head.up, graph.interior(maps, features.margin - head.kept))
        maps = graph.interior(graph.enlarge(maps, head.enlargement), head.kept * head.enlargement - BORDER)
        maps = graph.operation("Add", maps, self._convolution(head.skip, features.shallow))
        layer, spread, name = head.last, head.spread, self._names[head.last]
        if self.fours:
            more = -layer.out_channels % 4
            assert layer.bias is not None
            layer = _with(layer, F.pad(layer.weight, (0, 0, 0, 0, 0, 0, 0, more)), F.pad(layer.bias, (0, more)))
            spread = F.pad(spread, (0, 0, 0, 0, 0, more))
        last = graph.to_picture(graph.convolution(name, layer, self._activation(maps)))
        # Two convolutions: one, and a split behind it, would take twice the time.
        smooth, gain = (
            graph.operation(
                "Conv",
                last,
                graph.picture_weight(f"{part}{len(weight)}", weight),
                kernel_shape=[3, 3],
                name=f"{part} {self._names[head]}",
            )
            for part, weight in zip(("smooth", "gain"), spread.chunk(2), strict=True)
        )
        return graph.operation("Add", graph.operation("Mul", gain, base.detail), smooth)

    def _detail(self, cells: str, scale: int) -> str:
        """What sub-pixels have beyond the picture of their cells' means."""
        graph, count = self.graph, (2 * scale) ** 2
        mean = torch.eye(3).repeat_interleave(count, dim=1)[..., None, None] / count
        weight = graph.picture_weight(f"mean{scale}", mean)
        means = graph.operation("Conv", cells, weight, kernel_shape=[1, 1], name=f"means at {scale}x")
        weight = graph.picture_weight(f"bilinear{scale}", self.generator.get_buffer(f"bilinear{scale}"))
        means = graph.repeated(means, 1)
        smooth = graph.operation("Conv", means, weight, kernel_shape=[3, 3], name=f"smooth at {scale}x")
        return graph.operation("Sub", cells, smooth)

    def _blocks(self, blocks: Iterable[nn.Module], maps: str, code: Code | None = None) -> str:
        for block in blocks:
            assert isinstance(block, ResidualBlock)
            inner = self._activation(self._first(block, maps, code))
            maps = self.graph.operation("Add", maps, self._convolution(block.second, inner))
        return maps

    def _first(self, block: ResidualBlock, maps: str, code: Code | None) -> str:
        """A block's first convolution, with its modulation by the code."""
        if block.modulation is None:
            return self._convolution(block.first, maps)
        assert code is not None
        if isinstance(code, str):
            return self._modulation(block.modulation, self._convolution(block.first, maps), code)
        folded = _with(block.first, *block.modulation.folded(block.first, code))
        return self.graph.convolution(self.graph.new_name(self._names[block.first]), folded, maps)

    def _modulation(self, modulation: Modulation, maps: str, code: str) -> str:
        graph, linear = self.graph, modulation.linear
        name, channels = self._names[linear], linear.out_features // 2
        assert linear.bias is not None
        # The 1 of "1 + scale" is added to the bias.
        bias = linear.bias + torch.cat([torch.ones(channels), torch.zeros(channels)])
        weights = graph.weight(f"{name}.weight", linear.weight), graph.weight(f"{name}.bias", bias)
        both = graph.operation("Gemm", code, *weights, name=name, transB=1)
        both = graph.operation("Unsqueeze", both, graph.integers(2, 3))
        scale, shift = (
            graph.operation("Slice", both, graph.integers(first), graph.integers(first + channels), graph.integers(1))
            for first in (0, channels)
        )
        return graph.operation("Add", graph.operation("Mul", maps, scale), shift)

    def _convolution(self, layer: nn.Module, maps: str) -> str:
        assert isinstance(layer, nn.Conv2d)
        return self.graph.convolution(self._names[layer], layer, maps)

    def _activation(self, maps: str) -> str:
        return self.graph.operation("LeakyRelu", maps, alpha=SLOPE)


def _with(layer: nn.Conv2d, weight: Tensor, bias: Tensor) -> nn.Conv2d:
    """The layer with other numbers."""
    other = copy.copy(layer)
    other._parameters = {"weight": nn.Parameter(weight), "bias": nn.Parameter(bias)}
    return other
