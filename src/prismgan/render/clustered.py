"""Rendering pictures and clips on the machines of a Ray cluster, each by one worker."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prismgan.cluster import TRIES, Done, spread
from prismgan.errors import PrismganError
from prismgan.render.files import FileRenderer, Rendered
from prismgan.render.jobs import PictureJob
from prismgan.render.renderer import Renderer
from prismgan.render.request import Request
from prismgan.render.stored import StoredJob, StoredRenderer, is_address
from prismgan.render.video.files import render_file
from prismgan.render.video.settings import Listener, Outcome, Settings
from prismgan.weights import Weights

WORKER_MEMORY = 2_000_000_000  # default of the bytes that a worker uses for rendering
PROCESS = 800_000_000  # additional bytes of a worker: Python, torch and the weights
CODECS = 1_000_000_000  # additional bytes of a worker for clips: decoding, smoothing and encoding
DIED = f"{TRIES} workers died while rendering it, perhaps for lack of memory; allow more memory, or make it smaller"
Job = PictureJob | StoredJob


@dataclass(frozen=True)
class RenderingOfFiles:
    """The arguments of a file renderer. Unlike a renderer, they can be sent to other machines."""

    weights: Weights  # of the generator, without the discriminator
    rendering: Mapping[str, Any]  # further arguments of the renderer
    writing: Mapping[str, Any]  # further arguments of the file renderer
    out: str  # folder of all results
    stored: bool = False  # whether pictures or results have addresses of object stores

    def renderer(self) -> FileRenderer | StoredRenderer:
        renderer = FileRenderer(Renderer(self.weights, **self.rendering), **self.writing)
        return StoredRenderer(renderer, self.out) if self.stored else renderer

    def worker(self) -> Callable[[Any], Rendered]:
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
    """Render pictures with the workers of a cluster; see :func:`~prismgan.cluster.spread`. Pictures and results are on
    a disk that all machines share, or in an object store. The results of ``jobs`` must not clash."""
    memory = rendering.rendering.get("memory") or WORKER_MEMORY
    # Results of a worker that died are written again, because nobody was notified of them.
    writing = {**rendering.writing, "overwrite": True}
    rendering = replace(rendering, rendering={**rendering.rendering, "memory": memory}, writing=writing)
    places = [str(job.source) for job in jobs]
    for job, result, node in _spread(jobs, places, rendering, memory + PROCESS, workers, progress, remark):
        yield replace(result or Rendered(job.source, (), f"{job.source}: {DIED}"), node=node)


def _spread(
    jobs: Sequence[Any],
    places: Iterable[str],
    rendering: Any,
    memory: int,
    workers: int | None,
    progress: Callable[[float], None],
    remark: Callable[[str], None],
) -> Iterator[Done[Any, Any]]:
    """Run jobs on workers, in this process's working folder unless all places are absolute."""
    absolute = all(is_address(place) or Path(place).is_absolute() for place in (str(rendering.out), *places))
    folder = None if absolute else str(Path.cwd())
    work = type(rendering).worker
    done = spread(jobs, work, rendering, memory=memory, workers=workers, folder=folder, remark=remark)
    for number, each in enumerate(done, start=1):
        progress(number)
        yield each


@dataclass(frozen=True)
class ClipRendering:
    """The arguments of a clip's rendering. Like :class:`RenderingOfFiles`, they can be sent to other machines."""

    weights: Weights
    rendering: Mapping[str, Any]
    request: Request
    settings: Settings
    out: Path
    overwrite: bool = False

    def worker(self) -> Callable[[Path], tuple[Outcome | PrismganError | None]]:
        render = self.clip_renderer()
        return lambda clip: (render(clip, _Silent()),)  # in a tuple: None by itself is the result of a lost job

    def clip_renderer(self) -> Callable[[Path, Listener], Outcome | PrismganError | None]:
        """A function that calls :func:`~prismgan.render.video.files.render_file` and returns errors."""
        renderer = Renderer(self.weights, **self.rendering)

        def render(clip: Path, listener: Listener) -> Outcome | PrismganError | None:
            try:
                return render_file(clip, self.out, renderer, self.request, self.settings, listener, self.overwrite)
            except PrismganError as error:
                return error

        return render


class _Silent:
    """A :class:`~prismgan.render.video.settings.Listener` that says nothing."""

    def remark(self, text: str) -> None: ...
    def rendered(self, frames: int, total: int | None) -> None: ...
    def joining(self, path: Path) -> None: ...


def render_clips_on_cluster(
    clips: Sequence[Path],
    rendering: ClipRendering,
    workers: int | None,
    progress: Callable[[float], None],
    remark: Callable[[str], None],
) -> Iterator[tuple[Path, Outcome | PrismganError | None]]:
    """Render clips with the workers of a cluster, as :func:`render_on_cluster` renders pictures. If a worker dies,
    another one continues its clip after the last segment."""
    memory = (rendering.rendering.get("memory") or WORKER_MEMORY) + PROCESS + CODECS
    for clip, result, _ in _spread(clips, map(str, clips), rendering, memory, workers, progress, remark):
        yield clip, PrismganError(f"{clip}: {DIED}") if result is None else result[0]
