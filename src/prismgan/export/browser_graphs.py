"""The generator in pieces, for a browser: the first look is there before the last piece is computed, or even loaded.

``trunk`` is computed first, then the heads of looks that repaint; ``fine`` only before those that restore.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

import onnx
import torch

from prismgan.export.generator_graph import GeneratorGraph
from prismgan.export.graph import Graph
from prismgan.networks import Generator

__all__ = ["FINE", "TRUNK", "browser_graphs", "enlargement", "head"]

TRUNK, FINE = "trunk", "fine"
BORDERED, SHALLOW, SHARED, COARSE = "bordered", "shallow", "shared", "coarse"
SOURCE, LATENT, LOOK = "source", "latent", "look"


def head(task: str) -> str:
    """Name of the piece that makes this look."""
    return f"head-{task}"


def enlargement(scale: int) -> str:
    """Name of the piece that enlarges the source, as looks of this scale start from it."""
    return f"enlarge-{scale}x"


@torch.no_grad()
def browser_graphs(generator: Generator, tasks: Sequence[str]) -> dict[str, onnx.ModelProto]:
    """The pieces by name: :data:`TRUNK`, :data:`FINE` where a task needs it, an :func:`enlargement` for every scale but
    1, and a :func:`head` for every task.

    What a piece takes has the name that it has where it comes out. The trunk and enlargements take ``source``
    (1, 3, H, W) in [-1, 1]; a head of a task that varies takes ``latent`` (1, Z). ``look`` (1, 3, scale H', scale W')
    is the task's picture in [-1, 1], not clipped, and of whole cells: what is beyond scale H and scale W is cut off by
    whoever reads it.

    Args:
        generator: on the CPU, in float32.
        tasks: names.
    """
    pieces = {TRUNK: _trunk(generator, {generator.specs[name].fine for name in tasks})}
    if any(generator.specs[name].fine for name in tasks):
        pieces[FINE] = _fine(generator)
    for scale in sorted({generator.specs[name].scale for name in tasks} - {1}):
        pieces[enlargement(scale)] = _enlargement(generator, scale)
    return {**pieces, **{head(name): _head(generator, name) for name in tasks}}


def _skips(generator: Generator) -> list[str]:
    """Names of what the way up starts from, the finest first; the shallow features are the finest of them."""
    levels = len(generator.config.widths) - 1
    return [SHALLOW, *(f"skip {level}" for level in range(1, levels))][:levels]


def _trunk(generator: Generator, fine: Container[bool]) -> onnx.ModelProto:
    """``fine`` holds True where the way up comes next, False where there are heads that repaint."""
    graph = Graph(compact=True)
    network = GeneratorGraph(graph, generator)
    bordered = _bordered(graph, network)
    shallow, skips, shared = network.way_down(graph.interior(bordered))
    graph.output(bordered, BORDERED, [1, 12, "bordered rows", "bordered columns"])
    graph.output(shallow, SHALLOW, _sizes(generator, 0))
    for level, (name, value) in enumerate(zip(_skips(generator)[1:], skips[1:], strict=True), start=1):
        graph.output(value, name, _sizes(generator, level))
    if True in fine:
        graph.output(shared, SHARED, _sizes(generator, -1))
    if False in fine:
        graph.output(network.repainted(shared), COARSE, _sizes(generator, -1))
    return graph.model(TRUNK)


def _bordered(graph: Graph, network: GeneratorGraph) -> str:
    source = graph.input(SOURCE, [1, 3, "height", "width"])
    return network.bordered(source, graph.spatial(source))


def _enlargement(generator: Generator, scale: int) -> onnx.ModelProto:
    graph = Graph(compact=True)
    network = GeneratorGraph(graph, generator)
    cells = network.enlarged(_bordered(graph, network), scale)
    graph.output(network.pixels(cells, scale), LOOK, [1, 3, "padded height", "padded width"])
    return graph.model(enlargement(scale))


def _fine(generator: Generator) -> onnx.ModelProto:
    graph = Graph(compact=True)
    skips = [graph.input(name, _sizes(generator, level)) for level, name in enumerate(_skips(generator))]
    shared = graph.input(SHARED, _sizes(generator, -1))
    graph.output(GeneratorGraph(graph, generator).way_up(skips, shared), FINE, _sizes(generator, 0))
    return graph.model(FINE)


def _head(generator: Generator, name: str) -> onnx.ModelProto:
    graph, spec = Graph(compact=True), generator.specs[name]
    network = GeneratorGraph(graph, generator, fours=True)
    bordered = graph.input(BORDERED, [1, 12, "bordered rows", "bordered columns"])
    if spec.fine:
        fine = graph.input(FINE, _sizes(generator, 0))
        features = network.with_margin("", "", fine, [name])
    else:
        shallow, coarse = graph.input(SHALLOW, _sizes(generator, 0)), graph.input(COARSE, _sizes(generator, -1))
        features = network.with_margin(shallow, coarse, None, [name])
    code = network.code(graph.input(LATENT, [1, generator.config.latent])) if spec.latent else None
    looks = network.looks(features, network.bases(bordered, [name]), code, [name])
    graph.output(network.pixels(looks[name], spec.scale), LOOK, [1, 3, "padded height", "padded width"])
    return graph.model(head(name))


def _sizes(generator: Generator, level: int) -> list[int | str]:
    """Of maps of this level; -1 is the coarsest."""
    widths = generator.config.widths
    level %= len(widths)
    return [1, widths[level], f"rows of level {level}", f"columns of level {level}"]
