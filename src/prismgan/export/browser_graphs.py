"""The generator in pieces, for a browser, so that the first output is ready before the last piece is loaded. The
``branch`` runs on the whole picture before the heads of styles; the ``trunk`` runs on each tile before other heads."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from prismgan.errors import PrismganError
from prismgan.export.generator_graph import GeneratorGraph, PaintedNames
from prismgan.export.graph import Graph
from prismgan.export.parity import TaskParity, onnxruntime_session, parity_of, problem, random_sources
from prismgan.networks import Generator

BRANCH, TRUNK = "branch", "trunk"
BORDERED, FINE, FEATURES, DETAILS = "bordered", "fine", "features", "details"
SOURCE, LATENT, LOOK = "source", "latent", "look"


def head(task: str) -> str:
    """Name of the piece for the head of this task."""
    return f"head-{task}"


def enlargement(scale: int) -> str:
    """Name of the piece that enlarges the source by this scale."""
    return f"enlarge-{scale}x"


@torch.no_grad()
def browser_graphs(generator: Generator, tasks: Sequence[str]) -> dict[str, onnx.ModelProto]:
    """The pieces by name: :data:`TRUNK` and :data:`BRANCH` if a task needs them, an :func:`enlargement` for every scale
    except 1, and a :func:`head` for every task. ``generator`` is on the CPU, in float32.

    An output has the name of the input that it is passed to. The trunk, the branch and enlargements take ``source``
    (1, 3, H, W) in [-1, 1]; the branch and a head of a task that varies take ``latent`` (1, Z). ``look`` (1, 3,
    scale H', scale W') is the task's picture, padded to whole cells and not clipped to [-1, 1]."""
    fine = {generator.specs[name].fine for name in tasks}
    pieces = {TRUNK: _trunk(generator)} if True in fine else {}
    if False in fine:
        pieces[BRANCH] = _branch(generator)
    for scale in sorted({generator.specs[name].scale for name in tasks} - {1}):
        pieces[enlargement(scale)] = _enlargement(generator, scale)
    return {**pieces, **{head(name): _head(generator, name) for name in tasks}}


def _trunk(generator: Generator) -> onnx.ModelProto:
    graph = Graph(compact=True)
    network = GeneratorGraph(graph, generator)
    bordered = _bordered(graph, network)
    graph.output(bordered, BORDERED, [1, 12, "bordered rows", "bordered columns"])
    graph.output(network.trunk(graph.interior(bordered)), FINE, _fine_sizes(generator))
    return graph.model(TRUNK)


def _branch(generator: Generator) -> onnx.ModelProto:
    graph = Graph(compact=True)
    source = graph.input(SOURCE, [1, 3, "height", "width"])
    latent = graph.input(LATENT, [1, generator.config.latent])
    values = GeneratorGraph(graph, generator).branch(source, latent)
    for value, name, sizes in zip(values, (FEATURES, DETAILS), _painted_sizes(generator), strict=True):
        graph.output(value, name, sizes)
    return graph.model(BRANCH)


def _bordered(graph: Graph, network: GeneratorGraph) -> str:
    source = graph.input(SOURCE, [1, 3, "height", "width"])
    return network.bordered(source, graph.spatial(source))


def _enlargement(generator: Generator, scale: int) -> onnx.ModelProto:
    graph = Graph(compact=True)
    network = GeneratorGraph(graph, generator)
    cells = network.enlarged(_bordered(graph, network), scale)
    graph.output(graph.shuffle(cells, 2 * scale), LOOK, [1, 3, "padded height", "padded width"])
    return graph.model(enlargement(scale))


def _head(generator: Generator, name: str) -> onnx.ModelProto:
    graph, spec = Graph(compact=True), generator.specs[name]
    network = GeneratorGraph(graph, generator)
    code = None
    if spec.fine:
        bordered = graph.input(BORDERED, [1, 12, "bordered rows", "bordered columns"])
        fine = graph.input(FINE, _fine_sizes(generator))
    else:
        features, details = map(graph.input, (FEATURES, DETAILS), _painted_sizes(generator))
    if spec.latent:
        code = network.code(graph.input(LATENT, [1, generator.config.latent]))
    if spec.fine:
        cells = network.restored(fine, network.bases(bordered, [name]), code, [name])[name]
        output = graph.shuffle(cells, 2 * spec.scale)
    else:
        output = network.painted([name], PaintedNames(features, details), code, None)[name]
    graph.output(output, LOOK, [1, 3, "padded height", "padded width"])
    return graph.model(head(name))


def _fine_sizes(generator: Generator) -> list[int | str]:
    return [1, generator.config.widths[0], "rows", "columns"]


def _painted_sizes(generator: Generator) -> tuple[list[int | str], list[int | str]]:
    style = generator.config.style
    return [1, style.fine, "quarter rows", "quarter columns"], [1, 48 + 4 * style.noise, "cell rows", "cell columns"]


SIDE = 16  # side in pixels of the pattern that a browser computes as a check: the smallest allowed picture
VALUES = 32  # number of values per task that are compared there
Values = dict[str, NDArray[Any]]


class Pieces:
    """The graphs of :func:`browser_graphs`, as files and as functions."""

    def __init__(self, generator: Generator, tasks: Sequence[str]) -> None:
        self.generator, self.tasks = generator, tasks
        models = browser_graphs(generator, tasks)
        self.files = {name: model.SerializeToString() for name, model in models.items()}
        self._inputs = {name: [value.name for value in model.graph.input] for name, model in models.items()}
        self._outputs = {name: [value.name for value in model.graph.output] for name, model in models.items()}
        self._runs = {name: onnxruntime_session(file) for name, file in self.files.items()}

    def run(self, piece: str, values: Mapping[str, NDArray[Any]]) -> Values:
        """A piece's outputs by name; values without a matching input are ignored."""
        results = self._runs[piece]({name: values[name] for name in self._inputs[piece]})
        return dict(zip(self._outputs[piece], results, strict=True))

    def outputs(self, source: NDArray[Any], seed: int = 0) -> Values:
        """Pictures by task as a browser computes them, not clipped to [-1, 1] and padded to whole cells."""
        values = {"source": source, "latent": self.generator.seeded_latent(seed).numpy()}
        if TRUNK in self.files:
            values |= self.run(TRUNK, values)
        outputs = {}
        for name in self.tasks:
            spec, own = self.generator.specs[name], values
            if not spec.fine:  # the noise follows the seed only for styles that vary
                latent = values["latent"] if spec.latent else self.generator.seeded_latent().numpy()
                own = values | self.run(BRANCH, {"source": source, "latent": latent})
            outputs[name] = self.run(head(name), own)["look"]
        return outputs

    @torch.inference_mode()
    def compare(self) -> list[TaskParity]:
        """The differences from the generator on three small pictures; PrismganError beyond the float32 tolerance."""
        errors: dict[str, list[NDArray[Any]]] = {name: [] for name in self.tasks}
        for seed, source in enumerate(random_sources()):
            image = source * 2 - 1
            expected = self.generator(image, self.generator.seeded_latent(seed), self.tasks)
            for name, output in self.outputs(image.numpy(), seed).items():
                height, width = expected[name].shape[-2:]
                difference = output[..., :height, :width].clip(-1, 1) - expected[name].clamp(-1, 1).numpy()
                errors[name].append(127.5 * difference.ravel())
        specs = self.generator.specs
        parities = [parity_of(name, specs[name].scale, np.concatenate(parts)) for name, parts in errors.items()]
        if (wrong := problem("float32", self.generator, parities)) is not None:
            raise PrismganError(f"the site is not written, because {wrong}; please report it")
        return parities

    def check(self) -> dict[str, Any]:
        """Some output values for a fixed pattern, which a browser compares with those that it computes itself."""
        flat = (37 * np.arange(3 * SIDE * SIDE) % 256 / 127.5 - 1).astype(np.float32)
        outputs = self.outputs(flat.reshape(1, 3, SIDE, SIDE))
        some = {name: output.ravel()[:: output.size // VALUES][:VALUES] for name, output in outputs.items()}
        expected = {name: [round(float(value), 4) for value in values] for name, values in some.items()}
        return {"side": SIDE, "expected": expected}
