"""The generator as nodes of an ONNX graph: the computation of ``networks/generator.py`` in ONNX's operators. The graph
is built by hand and not traced: tracing takes half a minute and makes the sizes of outputs unreadable. A file is
written only if its outputs match the generator's."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from prismgan.export.graph import Graph
from prismgan.images.pixels import LUMA
from prismgan.networks import Generator
from prismgan.networks.blocks import SLOPE, ResidualBlock
from prismgan.networks.generator import TEXTURE, InkHead, ProgressiveHead
from prismgan.networks.style_branch import BORDER, CELL, OUTERMOST, PERIODS, RANGE, ConditionalNorm, StyleHead

Code = str | Float[Tensor, "1 C"]  # the code of z: a value of the graph, or a constant


class PaintedNames(NamedTuple):
    """The inputs of style heads."""

    features: str  # of the branch that all styles share
    details: str  # the source, unshuffled by 4, with noise channels, and with one cell of the frame


class GeneratorGraph:
    """Adds a generator's parts to a graph; values are names, as in :class:`~prismgan.export.graph.Graph`."""

    def __init__(self, graph: Graph, generator: Generator) -> None:
        self.graph = graph
        self.generator: Any = generator  # Any, because mypy cannot know which parts exist
        self._names: dict[nn.Module, str] = {module: name for name, module in generator.named_modules()}

    def bordered(self, source: str, spatial: str) -> str:
        """The generator's ``Encoded.bordered`` of a source (B, 3, H, W); ``spatial`` (2,) holds H and W."""
        graph = self.graph
        more = graph.operation("Mod", graph.operation("Neg", spatial), graph.integers(self.generator.cell))
        behind = graph.operation("Add", more, graph.integers(2))
        pads = graph.operation("Concat", graph.integers(0, 0, 2, 2, 0, 0), behind, axis=0)
        padded = graph.operation("Pad", source, pads, mode="edge")
        return graph.unshuffle(padded, 2)

    def trunk(self, cells: str) -> str:
        """The trunk's features, from the cells without their border."""
        graph, trunk = self.graph, self.generator.trunk
        maps = self._convolution(trunk.stem, graph.regrouped(graph.to_network(cells), 2, trunk.finest))
        skips = []
        for down in trunk.down:
            skips.append(maps)
            maps = self._convolution(down, self._activation(maps))
        maps = self._blocks(trunk.coarse, maps)
        for skip, up, blocks in reversed(list(zip(skips, trunk.up, trunk.fine, strict=True))):
            enlarged = graph.shuffle(self._convolution(up, maps), 2)
            maps = self._blocks(blocks, graph.operation("Add", skip, enlarged))
        return maps

    def branch(self, source: str, latent: Code) -> PaintedNames:
        """The values that all styles share, from the source (B, 3, H, W) and z."""
        graph, branch = self.graph, self.generator.branch
        framed = self._framed(source)
        cells = graph.unshuffle(framed, 4)
        coarse, fine = self._noise(framed, 0, latent), self._noise(framed, 1, latent)
        noises = coarse, graph.unshuffle(fine, 2, self.generator.config.style.noise)
        quarters, details = (graph.operation("Concat", cells, noise, axis=1) for noise in noises)
        quarter = self._relu(self._norm(branch.stem_norm, self._convolution(branch.stem, graph.to_network(quarters))))
        coarse = self._relu(self._norm(branch.down_norm, self._convolution(branch.down, quarter)))
        coarse = self._normalised_blocks(branch.blocks, coarse)
        enlarged = graph.doubled(self._convolution(branch.up, coarse))
        return PaintedNames(graph.operation("Add", quarter, enlarged), graph.interior(details, BORDER // 4 - 1))

    def painted(
        self, names: Iterable[str], values: PaintedNames, code: Code | None, spatial: str | None
    ) -> dict[str, str]:
        """The pictures (B, 3, H, W) by task, in [-1.2, 1.2], not clipped. ``spatial`` (2,) holds H and W; without it
        the pictures are padded to whole cells."""
        graph, pictures = self.graph, {}
        for name in names:
            head = self.generator.heads[name]
            maps = self._relu(self._norm(head.enter_norm, self._convolution(head.enter, values.features), code))
            maps = self._enlarged(head, self._normalised_blocks(head.blocks, maps, code))
            maps = graph.interior(maps, BORDER // 4 - 2)
            skip = graph.filtered(self._names[head.skip], graph.to_network(values.details), *head.skip_kernel())
            maps = self._relu(graph.operation("Add", maps, skip))
            pixels = graph.filtered(self._names[head.last], maps, *head.last_kernel())
            picture = graph.operation("Tanh", graph.shuffle(graph.to_picture(pixels), 4))
            picture = graph.operation("Mul", picture, graph.number(RANGE))
            pictures[name] = picture if spatial is None else graph.cropped(picture, spatial)
        return pictures

    def _enlarged(self, head: StyleHead, maps: str) -> str:
        """The same as ``StyleHead._enlarged``."""
        graph, name = self.graph, self._names[head.up]
        ends, flat = graph.integers(*OUTERMOST), graph.integers(0, head.up.out_channels, -1)
        inner = graph.filtered(f"{name} in cells", maps, head.up_kernel())
        places = graph.operation("Reshape", inner, flat)
        everything = [places]
        for axis in (2, 3):
            lines = graph.operation("Gather", maps, ends, axis=axis)
            lines = graph.operation("Gather", self._convolution(head.up, graph.doubled(lines)), ends, axis=axis)
            if axis == 3:  # the corners are among the rows
                lines = graph.operation("Slice", lines, graph.integers(2), graph.integers(-2), graph.integers(2))
            everything.append(graph.operation("Reshape", lines, flat))
        normalised = self._norm(head.up_norm, graph.operation("Concat", *everything, axis=2))
        count = graph.operation("Slice", graph.operation("Shape", places), graph.integers(2), graph.integers(3))
        normalised = graph.operation("Slice", normalised, graph.integers(0), count, graph.integers(2))
        return graph.operation("Reshape", normalised, graph.operation("Shape", inner))

    def _framed(self, source: str) -> str:
        """The source with its reflected border, padded to whole cells."""
        graph = self.graph
        for axis in (3, 2):  # rows last, because whole rows are copied at once
            side = graph.side(source, axis)
            missing = graph.operation("Mod", graph.operation("Neg", side), graph.scalar(CELL))
            length = graph.operation("Add", graph.operation("Add", side, missing), graph.scalar(2 * BORDER))
            last = graph.operation("Mul", graph.operation("Sub", side, graph.scalar(1)), graph.scalar(2))
            period = graph.operation("Max", last, graph.scalar(1))
            places = graph.operation("Mod", graph.range(-BORDER, length), period)
            places = graph.operation("Min", places, graph.operation("Sub", last, places))
            source = graph.operation("Gather", source, places, axis=axis)
        return source

    def _noise(self, framed: str, level: int, latent: Code) -> str:
        """The noise at 1/4 (``level`` 0) or 1/2 (1) of the framed source's side, for every picture of a batch."""
        graph, field = self.graph, self.generator.noise
        total, factor = None, graph.scalar((4, 2)[level])
        lengths = [graph.operation("Div", graph.side(framed, axis), factor) for axis in (2, 3)]
        for number in range(len(PERIODS)):
            table = field.get_buffer(f"table{level}{number}")
            if isinstance(latent, str):
                direction = graph.operation("LpNormalization", latent, axis=1, p=2)
                flat = graph.picture_weight(f"noise{level}{number}", field.gain * table.flatten(1))
                weighed = graph.operation("MatMul", direction, flat)
                weighed = graph.operation("Reshape", weighed, graph.integers(-1, *table.shape[1:]))
            else:
                constant = torch.einsum("bz,znhw->bnhw", field.gain * F.normalize(latent, dim=1), table)
                weighed = graph.picture_weight(graph.new_name(f"noise{level}{number}"), constant)
            sign = field.get_buffer(f"sign{level}{number}")[None]
            signs = graph.picture_weight(f"sign{level}{number}", sign)
            repeated = self._repeated(weighed, table.shape, lengths)
            weighed = graph.operation("Mul", repeated, self._repeated(signs, sign.shape, lengths))
            total = weighed if total is None else graph.operation("Add", total, weighed)
        assert total is not None
        # There may be a single z for all pictures of a batch.
        batch = graph.operation("Slice", graph.operation("Shape", framed), graph.integers(0), graph.integers(1))
        return graph.operation("Expand", total, graph.operation("Concat", batch, graph.integers(1, 1, 1), axis=0))

    def _repeated(self, table: str, shape: Sequence[int], lengths: Sequence[str]) -> str:
        """A table of this shape, repeated from its upper left corner to the given numbers of rows and columns."""
        graph = self.graph
        for axis in (3, 2):  # rows last, because whole rows are copied at once
            places = graph.operation("Mod", graph.range(0, lengths[axis - 2]), graph.scalar(shape[axis]))
            table = graph.operation("Gather", table, places, axis=axis)
        return table

    def _norm(self, norm: ConditionalNorm, maps: str, code: Code | None = None) -> str:
        graph, name, scale, shift = self.graph, self._names[norm], norm.norm.weight, norm.norm.bias
        if norm.linear is not None and not isinstance(code, str):
            gain, offset = norm.linear(code)[0].chunk(2)
            name, scale, shift = graph.new_name(name), scale * (1 + gain), shift * (1 + gain) + offset
        normalised = graph.normalised(maps, scale, shift, name, norm.norm.eps)
        if norm.linear is not None and isinstance(code, str):
            return self._modulation(norm.linear, normalised, code)
        return normalised

    def _normalised_blocks(self, blocks: Iterable[Any], maps: str, code: Code | None = None) -> str:
        for block in blocks:
            inner = self._relu(self._norm(block.first_norm, self._convolution(block.first, maps), code))
            outer = self._norm(block.second_norm, self._convolution(block.second, inner), code)
            maps = self.graph.operation("Add", maps, outer)
        return maps

    def _relu(self, maps: str) -> str:
        return self.graph.operation("Relu", maps)

    def code(self, latent: str) -> str:
        first, _, second, _ = self.generator.mapping
        value = self.graph.to_network(latent)
        for layer in (first, second):
            value = self._activation(self.graph.linear(self._names[layer], layer.weight, layer.bias, value))
        return value

    def bases(self, bordered: str, names: Iterable[str]) -> dict[int, str]:
        """The enlarged sources, by scale, to which these tasks' heads add their outputs."""
        scales = {self.generator.specs[name].scale for name in names}
        return {scale: self.enlarged(bordered, scale) for scale in sorted(scales)}

    def enlarged(self, bordered: str, scale: int) -> str:
        """The source, enlarged bicubically, as sub-pixels of the cells at 1/2: (B, 3 (2 scale)^2, h, w)."""
        graph = self.graph
        if scale == 1:
            return graph.interior(bordered)
        weight = graph.picture_weight(f"bicubic{scale}", self.generator.get_buffer(f"bicubic{scale}"))
        return graph.operation("Conv", bordered, weight, kernel_shape=[3, 3], name=f"enlarge {scale}x")

    def restored(self, fine: str, bases: Mapping[int, str], code: Code | None, names: Iterable[str]) -> dict[str, str]:
        """The pictures by task, in [-1, 1] (not clipped), as sub-pixels of whole cells, to be shuffled by 2 scale.
        ``code`` is a value (B, C), or one code (1, C) for all pictures, which is folded into the weights."""
        graph, pictures = self.graph, {}
        for name in names:
            head, spec = self.generator.heads[name], self.generator.specs[name]
            base, maps = bases[spec.scale], fine
            if isinstance(head, InkHead):
                own = self._convolution(head.source, graph.regrouped(graph.to_network(base), 2, head.finest))
                maps = graph.operation("Add", fine, own)
            maps = self._blocks(head.blocks, maps, code)
            if isinstance(head, ProgressiveHead):
                cells = self.graph.operation("Add", self._doubled(head, maps), self._grain(head, base))
            else:
                cells = self.graph.to_picture(self._convolution(head.last, maps))
                cells = graph.regrouped(cells, head.cell, 2 * spec.scale, 4 if isinstance(head, InkHead) else 3)
            if isinstance(head, InkHead):
                cells = self._inked(head, cells, base)
            elif spec.additive:
                cells = self.graph.operation("Add", cells, base)
            pictures[name] = cells
        return pictures

    def _doubled(self, head: ProgressiveHead, maps: str) -> str:
        """The sub-pixels of a head that doubles its maps step by step."""
        graph = self.graph
        up: Any
        for up in head.up:
            maps = self._activation(graph.shuffle(self._convolution(up, maps), 2))
        maps = self._activation(self._convolution(head.inner, maps))
        picture = graph.blurred(graph.shuffle(graph.to_picture(self._convolution(head.last, maps)), 2))
        return graph.unshuffle(picture, 2 * head.scale)

    def _grain(self, head: ProgressiveHead, base: str) -> str:
        """Noise as strong as the variation of the base within a cell."""
        graph, noise = self.graph, head.get_buffer("noise")
        grey = graph.mixed(f"grey {len(noise)}", base, torch.eye(len(noise)).repeat(1, 3) / 3)
        apart = graph.operation("Sub", grey, graph.operation("ReduceMean", grey, axes=[1]))
        variance = graph.operation("ReduceMean", graph.operation("Mul", apart, apart), axes=[1])
        amount = graph.operation("Min", graph.operation("Sqrt", variance), graph.number(head.GRAIN))
        table = graph.picture_weight(f"grain {len(noise)}", noise[None])  # the same for all heads of a scale
        table = self._repeated(table, (1, *noise.shape), [graph.side(base, axis) for axis in (2, 3)])
        return graph.operation("Concat", *3 * [graph.operation("Mul", amount, table)], axis=1)

    def _inked(self, head: InkHead, cells: str, base: str) -> str:
        """The head's colours multiplied by its ink."""
        graph, one = self.graph, self.graph.number(1)
        places = graph.integers(0), graph.integers(12), graph.integers(16)
        colours, ink = (graph.operation("Slice", cells, *ends, graph.integers(1)) for ends in pairwise(places))
        ink = graph.operation("Mul", graph.operation("Add", ink, one), graph.number(head.STEEPNESS))
        paper = graph.operation("Concat", *3 * [graph.operation("Sigmoid", ink)], axis=1)
        light = graph.operation("Add", graph.operation("Add", colours, self._without_texture(base)), one)
        return graph.operation("Sub", graph.operation("Mul", light, paper), one)

    def _without_texture(self, cells: str) -> str:
        graph, luma, mean = self.graph, torch.tensor([LUMA]), torch.full((1, 4), 0.25)
        grey = graph.mixed("luma", cells, torch.kron(luma, torch.eye(4)))
        colours = graph.mixed("cells' colours", cells, torch.kron(torch.eye(3), mean))
        lines = graph.guided_lines(colours, graph.mixed("cells' luma", cells, torch.kron(luma, mean)), *TEXTURE)
        slope, offset = (graph.mixed("each pixel", line, torch.kron(torch.eye(3), torch.ones(4, 1))) for line in lines)
        grey = graph.operation("Concat", *3 * [grey], axis=1)
        return graph.operation("Add", graph.operation("Mul", slope, grey), offset)

    def _blocks(self, blocks: Iterable[Any], maps: str, code: Code | None = None) -> str:
        for block in blocks:
            inner = self._activation(self._first(block, maps, code))
            maps = self.graph.operation("Add", maps, self._convolution(block.second, inner))
        return maps

    def _first(self, block: ResidualBlock, maps: str, code: Code | None) -> str:
        """A block's first convolution, with its modulation by the code."""
        if block.modulation is None:
            return self._convolution(block.first, maps)
        assert code is not None
        if isinstance(code, str):
            return self._modulation(block.modulation.linear, self._convolution(block.first, maps), code)
        folded = block.modulation.folded(block.first, code)
        return self.graph.convolution(self.graph.new_name(self._names[block.first]), block.first, maps, folded)

    def _modulation(self, linear: nn.Linear, maps: str, code: str) -> str:
        graph = self.graph
        name, channels = self._names[linear], linear.out_features // 2
        # The 1 of "1 + scale" is added to the bias.
        bias = linear.bias + torch.cat([torch.ones(channels), torch.zeros(channels)])
        both = graph.operation("Unsqueeze", graph.linear(name, linear.weight, bias, code), graph.integers(2, 3))
        start, middle, axis = graph.integers(0), graph.integers(channels), graph.integers(1)
        scale = graph.operation("Slice", both, start, middle, axis)
        shift = graph.operation("Slice", both, middle, graph.integers(2 * channels), axis)
        return graph.operation("Add", graph.operation("Mul", maps, scale), shift)

    def _convolution(self, layer: nn.Conv2d, maps: str) -> str:
        return self.graph.convolution(self._names[layer], layer, maps)

    def _activation(self, maps: str) -> str:
        return self.graph.operation("LeakyRelu", maps, alpha=SLOPE)
