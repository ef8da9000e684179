"""The generator as two ONNX models, for a program that encodes a source once and decodes it several times."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from prismgan.export.generator_graph import FeatureNames, GeneratorGraph
from prismgan.export.graph import Graph
from prismgan.export.onnx_file import varies
from prismgan.networks import Generator

__all__ = ["heads_inputs", "heads_model", "trunk_model"]


def trunk_model(generator: Generator, *, fine: bool) -> onnx.ModelProto:
    """From ``bordered`` (B, 12, h + 2, w + 2), as :class:`~prismgan.networks.generator.Encoded` has it, to the features
    ``shallow``, ``coarse`` and, where wanted, ``fine``."""
    graph = Graph()
    bordered = graph.input("bordered", _sizes(generator, "bordered"))
    features = GeneratorGraph(graph, generator).trunk(graph.interior(bordered), fine)
    for name, value in features._asdict().items():
        if value is not None:
            graph.output(value, name, _sizes(generator, name))
    return graph.model("trunk")


def heads_model(generator: Generator, tasks: Sequence[str]) -> onnx.ModelProto:
    """From :func:`heads_inputs` to the tasks' images, in [-1, 1] but not clipped, and padded to whole cells."""
    graph = Graph()
    specs = generator.specs
    network = GeneratorGraph(graph, generator)
    wanted = heads_inputs(generator, tasks)
    given = {name: graph.input(name, _sizes(generator, name)) for name in wanted}
    features = FeatureNames(given.get("shallow", ""), given.get("coarse", ""), given.get("fine"))
    code = network.code(given["latent"]) if "latent" in given else None
    looks = network.looks(features, network.bases(given["bordered"], tasks), code, tasks)
    for name in tasks:
        # A task may have the name of an input, and only the order of outputs matters.
        sides = [f"padded height at {specs[name].scale}x", f"padded width at {specs[name].scale}x"]
        graph.output(looks[name], f"look {name}", ["batch", 3, *sides])
    return graph.model("heads")


def heads_inputs(generator: Generator, tasks: Sequence[str]) -> list[str]:
    """What these tasks' heads read."""
    kinds = {generator.specs[name].fine for name in tasks}
    return [
        "bordered",
        *(["shallow", "coarse"] if False in kinds else []),
        *(["fine"] if True in kinds else []),
        *(["latent"] if varies(generator, tasks) else []),
    ]


def _sizes(generator: Generator, name: str) -> list[int | str]:
    config = generator.config
    match name:
        case "bordered":
            return ["batch", 12, "bordered rows", "bordered columns"]
        case "latent":
            return ["latents", config.latent]
        case "coarse":
            return ["batch", config.widths[-1], "coarse rows", "coarse columns"]
        case _:
            return ["batch", config.widths[0], "rows", "columns"]
