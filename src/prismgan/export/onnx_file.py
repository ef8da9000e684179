"""The generator as an ONNX model: as a file for other programs, and several passes of the heads for the renderer."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
import torch

from prismgan.errors import PrismganError
from prismgan.export.generator_graph import GeneratorGraph
from prismgan.export.graph import Graph
from prismgan.networks import Generator
from prismgan.weights import Header

__all__ = ["INPUTS", "passes_model", "varies", "whole_model"]

INPUTS = ("source", "strength", "latent")
"""Names of the file's inputs; the last only where an exported task varies."""


def varies(generator: Generator, tasks: Sequence[str]) -> bool:
    """Whether one of the tasks depends on z."""
    return any(generator.specs[name].latent for name in tasks)


def whole_model(
    generator: Generator, header: Header, tasks: Sequence[str], *, half: bool = False, licence: str = ""
) -> onnx.ModelProto:
    """The named tasks as one model.

    Inputs, float32:

    - ``source`` (B, 3, H, W), RGB in [0, 1]; any batch, height and width. Padding is done inside.
    - ``strength`` (K,), a number for every task, in the order of the outputs: 0 is the source (enlarged bicubically), 1
      the task's look, up to 2 exaggerates it. It has no default: not every program can change an input that has one.
    - ``latent`` (B, Z), where a task varies with z ~ N(0, I); zeros are the mean look.

    Outputs, float32: for every task (B, 3, scale H, scale W) in [0, 1], clipped, named as the task.

    The metadata say the same in words, with title, steps of training, licence, and per task its kind and scale.

    Args:
        generator: on the CPU, in float32.
        header: of its weights.
        tasks: names; other heads, and the trunk's fine part where only looks are named, are left out.
        half: weights and features in float16. Pictures and computations on them stay in float32.
        licence: of the weights.

    Raises:
        PrismganError: a task has the name of an input.
    """
    for name in tasks:
        if name in INPUTS:
            raise PrismganError(
                f"task {name!r} has the name of the file's input; `prismgan rename-task --from {name}` gives it another"
            )
    graph = Graph(half=half)
    source = graph.input("source", ["batch", 3, "height", "width"])
    strength = graph.input("strength", [len(tasks)])
    network = GeneratorGraph(graph, generator)
    spatial = graph.spatial(source)
    centred = graph.operation("Sub", graph.operation("Mul", source, graph.number(2)), graph.number(1))
    bordered = network.bordered(centred, spatial)
    features = network.trunk(graph.interior(bordered), tasks)
    code = None
    if varies(generator, tasks):
        code = network.code(graph.input("latent", ["batch", generator.config.latent]))
    bases = network.bases(bordered, tasks)
    looks = network.looks(features, bases, code, tasks)
    bounds = graph.number(-1), graph.number(1)
    clipped = {scale: graph.operation("Clip", base.cells, *bounds) for scale, base in bases.items()}
    middle = graph.number(0.5)
    halves = graph.operation("Mul", strength, middle)
    # In [0, 1], as the outputs are.
    starts = {
        scale: graph.operation("Add", graph.operation("Mul", cells, middle), middle) for scale, cells in clipped.items()
    }
    for index, name in enumerate(tasks):
        scale = generator.specs[name].scale
        # Both are clipped before they are mixed, as the final pictures are.
        change = graph.operation("Sub", graph.operation("Clip", looks[name], *bounds), clipped[scale])
        weight = graph.operation("Gather", halves, graph.integers(index), axis=0)
        mixed = graph.operation("Add", graph.operation("Mul", change, weight), starts[scale])
        image = network.pixels(graph.operation("Clip", mixed, graph.number(0), graph.number(1)), scale)
        end = spatial if scale == 1 else graph.operation("Mul", spatial, graph.integers(scale))
        image = graph.cropped(image, end)
        sides = [f"{scale} * height", f"{scale} * width"] if scale > 1 else ["height", "width"]
        graph.output(image, name, ["batch", 3, *sides])
    return graph.model(header.title, _metadata(generator, header, tasks, licence))


def _metadata(generator: Generator, header: Header, tasks: Sequence[str], licence: str) -> dict[str, str]:
    entries = {entry.name: entry for entry in header.tasks}
    chosen = [entries[name] for name in tasks]
    return {
        "title": header.title,
        "tasks": ",".join(tasks),
        "kinds": ",".join(entry.kind for entry in chosen),
        "scales": ",".join(str(entry.scale) for entry in chosen),
        "varying": ",".join(entry.name for entry in chosen if entry.latent),
        "latent_size": str(generator.config.latent) if varies(generator, tasks) else "0",
        "step": str(header.step),
        "range": "RGB in [0, 1]",
        "strength": "one number per task, in the order of tasks: 0 is the source, 1 the look",
        "licence": licence or "not stated",
    }


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
