"""Rendering files on the machines of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prismgan.cluster import TRIES, spread
from prismgan.render.files import FileRenderer, Rendered
from prismgan.render.jobs import PictureJob
from prismgan.render.renderer import Renderer
from prismgan.render.stored import StoredJob, StoredRenderer, is_address
from prismgan.weights import Weights

WORKER_MEMORY = 2_000_000_000
"""Bytes that a worker renders with, by default."""
PROCESS = 800_000_000
"""Bytes that a worker takes beside: Python, torch and the weights."""
DIED = f"{TRIES} workers died while they had it, perhaps for lack of memory; give them more, or make it smaller"

Job = PictureJob | StoredJob


@dataclass(frozen=True)
class RenderingOfFiles:
    """All that a renderer of files is made of; it can be sent to other machines, which renderers cannot."""

    weights: Weights
    """Of the generator, without the discriminator."""
    rendering: Mapping[str, Any]
    """More arguments of :class:`~prismgan.render.renderer.Renderer`."""
    writing: Mapping[str, Any]
    """More arguments of :class:`~prismgan.render.files.FileRenderer`."""
    out: str
    """Folder of all results."""
    stored: bool = False
    """Whether pictures or results have addresses of object stores."""

    def renderer(self) -> FileRenderer | StoredRenderer:
        """The renderer.

        Raises:
            PrismganError: the parts do not fit each other.
        """
        renderer = FileRenderer(Renderer(self.weights, **self.rendering), **self.writing)
        return StoredRenderer(renderer, self.out) if self.stored else renderer

    def worker(self) -> Callable[[Any], Rendered]:
        """What renders one picture."""
        renderer = self.renderer()
        return lambda job: next(renderer.render([job]))


def render_on_cluster(
    jobs: Sequence[Job],
    rendering: RenderingOfFiles,
    *,
    workers: int | None = None,
    progress: Callable[[float], None] = lambda done: None,
    remark: Callable[[str], None] = lambda text: None,
) -> Iterator[Rendered]:
    """Render pictures with the workers of a cluster; see :func:`~prismgan.cluster.spread`.

    Pictures and results are on a disk that all machines share, or in an object store. The outputs are those that the
    renderer gives here.

    Args:
        jobs: pictures, none of whose results clash.
        rendering: how they are rendered, which has been found to be possible.
        workers: number of workers; by default as many as there is room for.
        progress: told how many pictures are done.
        remark: told what a person wants to know.

    Raises:
        PrismganError: an output cannot be written, so that others could not either, or a worker cannot start.
    """
    memory = rendering.rendering.get("memory") or WORKER_MEMORY
    # What a worker wrote that then died is written again, or nobody would hear of it.
    writing = {**rendering.writing, "overwrite": True}
    rendering = replace(rendering, rendering={**rendering.rendering, "memory": memory}, writing=writing)
    places = {rendering.out, *(str(job.source) for job in jobs)}
    anywhere = all(is_address(place) or Path(place).is_absolute() for place in places)
    done = spread(
        jobs,
        RenderingOfFiles.worker,
        rendering,
        memory=memory + PROCESS,
        workers=workers,
        folder=None if anywhere else str(Path.cwd()),
        remark=remark,
    )
    for number, (job, result, node) in enumerate(done, start=1):
        progress(number)
        yield replace(result or Rendered(job.source, (), f"{job.source}: {DIED}"), node=node)
