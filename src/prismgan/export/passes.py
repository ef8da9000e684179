"""The generator as an ONNX model for the renderer: several passes of the heads behind one of the trunk."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
import torch

from prismgan.export.generator_graph import GeneratorGraph
from prismgan.export.graph import Graph
from prismgan.networks import Generator

__all__ = ["passes_model"]


@torch.no_grad()
def passes_model(generator: Generator, passes: Sequence[tuple[int, Sequence[str]]]) -> onnx.ModelProto:
    """From ``bordered`` (B, 12, h + 2, w + 2), as :class:`~prismgan.networks.generator.Encoded` has it, to images.

    They are in [-1, 1] but not clipped, and sub-pixels of whole cells at 1/2: (B, 3 (2 scale)^2, h, w), which torch
    shuffles into pixels much faster than ONNX Runtime. The latent is a part of the weights: a convolution costs nothing
    more by being modulated.

    Args:
        generator: on the CPU, in float32.
        passes: seeds of the latent, each with the tasks that are wanted of it. Images come in this order.
    """
    graph = Graph()
    network = GeneratorGraph(graph, generator)
    names = [name for _, tasks in passes for name in tasks]
    bordered = graph.input("bordered", ["batch", 12, "bordered rows", "bordered columns"])
    features = network.trunk(graph.interior(bordered), names)
    bases = network.bases(bordered, names)
    for number, (seed, tasks) in enumerate(passes):
        code = generator.mapping(generator.seeded_latent(seed))
        for name, cells in network.looks(features, bases, code, tasks).items():
            subpixels = 3 * (2 * generator.specs[name].scale) ** 2
            graph.output(cells, f"{number} {name}", ["batch", subpixels, "rows", "columns"])
    return graph.model("passes")
