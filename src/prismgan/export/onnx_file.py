"""The generator as ONNX models: a file for other programs, and a graph with several passes for the renderer."""

from collections.abc import Callable, Sequence

import numpy as np
import onnx
import torch

from prismgan.errors import PrismganError
from prismgan.export.generator_graph import GeneratorGraph
from prismgan.export.graph import Graph
from prismgan.networks import Generator
from prismgan.weights import Header

INPUTS = ("source", "strength", "latent")  # names of the file's inputs; the last only if an exported task varies


def varies(generator: Generator, tasks: Sequence[str]) -> bool:
    """Whether one of the tasks depends on z."""
    return any(generator.specs[name].latent for name in tasks)


def whole_model(
    generator: Generator, header: Header, tasks: Sequence[str], *, half: bool = False, licence: str, defaults: bool
) -> onnx.ModelProto:
    """The named tasks as one model; PrismganError if a task has the name of an input.

    Inputs, float32:

    - ``source`` (B, 3, H, W), RGB in [0, 1]; any batch, height and width. Padding is done inside.
    - ``strength`` (K,), a number for every task, in the order of the outputs: 0 gives the source (enlarged
      bicubically), 1, the default, the task's output; values up to 2 exaggerate it.
    - ``latent`` (B, Z) or (1, Z), if a task varies with z ~ N(0, I); by default the z of seed 0.

    Outputs, float32: one per task, with its name: (B, 3, scale H, scale W), clipped to [0, 1].

    Args:
        generator: generator on the CPU, in float32.
        tasks: tasks to include; trunk or branch is omitted if no task needs it.
        half: whether weights and features are in float16. Pictures and computations on them stay in float32.
        defaults: whether strength and latent have a default. ONNX Runtime for JavaScript, and OpenVINO, cannot change
            an input that has one.
    """
    for name in tasks:
        if name in INPUTS:
            cure = f"rename it with `prismgan rename-task --from {name}`"
            raise PrismganError(f"task {name!r} has the name of one of the file's inputs; {cure}")
    graph = Graph(half=half)
    source = graph.input("source", ["batch", 3, "height", "width"])
    strength = graph.input("strength", [len(tasks)], np.ones(len(tasks), dtype=np.float32) if defaults else None)
    network = GeneratorGraph(graph, generator)
    spatial = graph.spatial(source)
    centred = graph.operation("Sub", graph.operation("Mul", source, graph.number(2)), graph.number(1))
    restored = [name for name in tasks if generator.specs[name].fine]
    painted = [name for name in tasks if name not in restored]
    latent, code = None, None
    if varies(generator, tasks):
        # A default of one row is broadcast to any batch size.
        default = generator.seeded_latent().numpy() if defaults else None
        latent = graph.input("latent", ["latents", generator.config.latent], default)
        code = network.code(latent)
    outputs: dict[str, str] = {}
    bases: dict[int, str] = {}
    if restored:
        bordered = network.bordered(centred, spatial)
        bases = network.bases(bordered, restored)
        outputs |= network.restored(network.trunk(graph.interior(bordered)), bases, code, restored)
    for varied, z in ((True, latent), (False, generator.seeded_latent())):
        names = [name for name in painted if generator.specs[name].latent == varied]
        if names:
            assert z is not None
            outputs |= network.painted(names, network.branch(centred, z), code, spatial)
    mixed = _mixer(graph, strength)
    for index, name in enumerate(tasks):
        scale = generator.specs[name].scale
        sides = [f"{scale} * height", f"{scale} * width"] if scale > 1 else ["height", "width"]
        image = mixed(outputs[name], centred if name in painted else bases[scale], index)
        if name in restored:
            image = graph.shuffle(image, 2 * scale)
            larger = spatial if scale == 1 else graph.operation("Mul", spatial, graph.integers(scale))
            image = graph.cropped(image, larger)
        graph.output(image, name, ["batch", 3, *sides])
    return graph.model(header.title, _metadata(generator, header, tasks, licence))


def _mixer(graph: Graph, strength: str) -> Callable[[str, str, int], str]:
    """Returns a function that mixes an output with its base, like :func:`prismgan.render.stages.mixture`."""
    middle = graph.number(0.5)
    weights = graph.operation("Mul", strength, middle)
    starts: dict[str, tuple[str, str]] = {}

    def mixed(output: str, base: str, index: int) -> str:
        """The mixture in [0, 1], clipped, of an output and its base in [-1, 1]; ``index`` is the strength's."""
        bounds = graph.number(-1), graph.number(1)
        if base not in starts:
            clipped = graph.operation("Clip", base, *bounds)
            starts[base] = clipped, graph.operation("Add", graph.operation("Mul", clipped, middle), middle)
        clipped, start = starts[base]
        # Both are clipped before they are mixed, as in rendering.
        change = graph.operation("Sub", graph.operation("Clip", output, *bounds), clipped)
        weight = graph.operation("Gather", weights, graph.integers(index), axis=0)
        mixture = graph.operation("Add", graph.operation("Mul", change, weight), start)
        return graph.operation("Clip", mixture, graph.number(0), graph.number(1))

    return mixed


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
        "strength": "one number per task, in the order of tasks: 0 is the source, 1 the output",
        "licence": licence or "not stated",
    }


@torch.no_grad()
def passes_model(generator: Generator, passes: Sequence[tuple[int, Sequence[str]]]) -> onnx.ModelProto:
    """A model that computes images, not clipped to [-1, 1], from a source.

    Restoring tasks read ``bordered`` (B, 12, h + 2, w + 2) of :class:`~prismgan.networks.generator.Encoded` and return
    sub-pixels of whole cells at 1/2, (B, 3 (2 scale)^2, h, w), because torch shuffles them into pixels much faster than
    ONNX Runtime. Styles read ``source`` (B, 3, H, W) and return pictures of its size. The latent is folded into the
    weights. ``passes`` are seeds with their tasks, in the order of the images. The generator is on the CPU."""
    graph = Graph()
    network = GeneratorGraph(graph, generator)
    names = [name for _, tasks in passes for name in tasks]
    restored = [name for name in names if generator.specs[name].fine]
    fine, bases, source = "", {}, ""
    if restored:
        bordered = graph.input("bordered", ["batch", 12, "bordered rows", "bordered columns"])
        fine = network.trunk(graph.interior(bordered))
        bases = network.bases(bordered, restored)
    if len(restored) < len(names):
        source = graph.input("source", ["batch", 3, "height", "width"])
    for number, (seed, tasks) in enumerate(passes):
        latent = generator.seeded_latent(seed)
        code = generator.mapping(latent)
        images = network.restored(fine, bases, code, [name for name in tasks if generator.specs[name].fine])
        for varies, z in ((True, latent), (False, generator.seeded_latent())):
            painted = [name for name in tasks if name not in images and generator.specs[name].latent == varies]
            if painted:
                images |= network.painted(painted, network.branch(source, z), code, graph.spatial(source))
        for name in tasks:
            sides: list[int | str] = [3, "height", "width"]
            if generator.specs[name].fine:
                sides = [3 * (2 * generator.specs[name].scale) ** 2, "rows", "columns"]
            graph.output(images[name], f"{number} {name}", ["batch", *sides])
    return graph.model("passes")
