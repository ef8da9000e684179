"""The generator as nodes of an ONNX graph: what ``networks/generator.py`` computes, in ONNX's operators.

Written out, not traced: a tracer takes half a minute, wraps every size in a dozen nodes, and leaves sizes of outputs
that no reader understands. What is written twice is compared: no file is written whose outputs are not the generator's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import nn

from prismgan.export.graph import Graph
from prismgan.networks import Generator
from prismgan.networks.blocks import SLOPE, Modulation, ResidualBlock
from prismgan.networks.generator import CoarseHead, FineHead

__all__ = ["FeatureNames", "GeneratorGraph"]


class FeatureNames(NamedTuple):
    """The values that :class:`~prismgan.networks.generator.Features` are."""

    shallow: str
    coarse: str
    fine: str | None


class GeneratorGraph:
    """Adds a generator's parts to a graph; values are names, as in :class:`~prismgan.export.graph.Graph`."""

    def __init__(self, graph: Graph, generator: Generator) -> None:
        self.graph = graph
        self.generator = generator
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

    def trunk(self, cells: str, fine: bool) -> FeatureNames:
        """Features of the cells without their border; ``fine`` says whether the finest are wanted."""
        graph, trunk = self.graph, self.generator.trunk
        shallow = maps = self._convolution(trunk.stem, graph.to_network(cells))
        skips = []
        for down in trunk.down:
            skips.append(maps)
            maps = self._convolution(down, self._activation(maps))
        coarse = maps = self._blocks(trunk.coarse, maps)
        if not fine:
            return FeatureNames(shallow, coarse, None)
        for skip, up, blocks in reversed(list(zip(skips, trunk.up, trunk.fine, strict=True))):
            enlarged = graph.shuffle(self._convolution(up, maps), 2)
            assert isinstance(blocks, nn.Sequential)
            maps = self._blocks(blocks, graph.operation("Add", skip, enlarged))
        return FeatureNames(shallow, coarse, maps)

    def code(self, latent: str) -> str:
        """(B, Z) through the fully connected layers."""
        first, _, second, _ = self.generator.mapping
        value = self.graph.to_network(latent)
        for layer in (first, second):
            assert isinstance(layer, nn.Linear)
            value = self._activation(self.graph.linear(self._names[layer], layer, value))
        return value

    def bases(self, bordered: str, names: Iterable[str]) -> dict[int, str]:
        """What these tasks' heads add to, by scale: the source, padded to whole cells and enlarged bicubically."""
        graph, bases = self.graph, {}
        for scale in sorted({self.generator.specs[name].scale for name in names}):
            if scale == 1:
                bases[scale] = graph.shuffle(graph.interior(bordered), 2)
            else:
                phases = self.generator.get_buffer(f"bicubic{scale}")
                weight = graph.picture_weight(f"bicubic{scale}", phases)
                cells = graph.operation("Conv", bordered, weight, kernel_shape=[3, 3], name=f"enlarge {scale}x")
                bases[scale] = graph.shuffle(cells, 2 * scale)
        return bases

    def looks(
        self, features: FeatureNames, bases: dict[int, str], code: str | None, names: Sequence[str]
    ) -> dict[str, str]:
        """Every task's picture in [-1, 1] (not clipped), padded to whole cells, by name."""
        graph, looks = self.graph, {}
        specs = self.generator.specs
        details = {scale: self._detail(bases[scale], 2 * scale) for scale in _coarse_scales(self.generator, names)}
        for name in names:
            head, scale = self.generator.heads[name], specs[name].scale
            if isinstance(head, FineHead):
                residual = self._fine(head, features, code, 2 * scale)
            else:
                assert isinstance(head, CoarseHead)
                residual = self._coarse(head, features, code, details[scale])
            looks[name] = graph.operation("Add", residual, bases[scale])
        return looks

    def _fine(self, head: FineHead, features: FeatureNames, code: str | None, factor: int) -> str:
        assert features.fine is not None
        maps = self._blocks(head.blocks, features.fine, code)
        return self.graph.shuffle(self.graph.to_picture(self._convolution(head.last, maps)), factor)

    def _coarse(self, head: CoarseHead, features: FeatureNames, code: str | None, detail: str) -> str:
        graph = self.graph
        maps = self._activation(self._convolution(head.narrow, features.coarse))
        maps = graph.enlarge(self._blocks(head.blocks, maps, code), head.enlargement)
        maps = graph.operation("Add", maps, self._convolution(head.skip, features.shallow))
        last = graph.to_picture(self._convolution(head.last, self._activation(maps)))
        colour = graph.operation("Slice", last, graph.integers(0), graph.integers(3), graph.integers(1))
        # Every pixel of a cell has the cell's gain.
        repeated = graph.integers(*(3 + pixel // head.factor**2 for pixel in range(3 * head.factor**2)))
        gain = graph.shuffle(graph.operation("Gather", last, repeated, axis=1), head.factor)
        scaled = graph.operation("Mul", gain, detail)
        return graph.operation("Add", graph.enlarge(colour, head.factor), scaled)

    def _detail(self, base: str, factor: int) -> str:
        """What pixels have beyond the picture of their cells' means."""
        cell = [factor, factor]
        means = self.graph.operation("AveragePool", base, kernel_shape=cell, strides=cell)
        return self.graph.operation("Sub", base, self.graph.enlarge(means, factor))

    def _blocks(self, blocks: Iterable[nn.Module], maps: str, code: str | None = None) -> str:
        for block in blocks:
            assert isinstance(block, ResidualBlock)
            inner = self._convolution(block.first, maps)
            if block.modulation is not None:
                assert code is not None
                inner = self._modulation(block.modulation, inner, code)
            inner = self._convolution(block.second, self._activation(inner))
            maps = self.graph.operation("Add", maps, inner)
        return maps

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


def _coarse_scales(generator: Generator, names: Iterable[str]) -> list[int]:
    return sorted({generator.specs[name].scale for name in names if not generator.specs[name].fine})
