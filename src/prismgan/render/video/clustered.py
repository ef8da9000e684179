"""Rendering many clips on the machines of a Ray cluster, a clip by a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prismgan.cluster import spread
from prismgan.errors import PictureError, PrismganError
from prismgan.render import Renderer, Request
from prismgan.render.clustered import DIED, PROCESS, WORKER_MEMORY
from prismgan.render.jobs import refuse_unwritable, results_folder
from prismgan.render.video.files import PIPE, render_file
from prismgan.render.video.settings import Listener, Outcome, Settings
from prismgan.weights import Weights

CODECS = 1_000_000_000
"""Bytes that a worker takes for decoding, steadying and encoding."""


@dataclass(frozen=True)
class ClipRendering:
    """All that a clip's rendering is made of; it can be sent to other machines."""

    weights: Weights
    """Of the generator, without the discriminator."""
    rendering: Mapping[str, Any]
    """More arguments of :class:`~prismgan.render.renderer.Renderer`."""
    request: Request
    settings: Settings
    out: Path
    """Folder of all results."""
    overwrite: bool = False

    def worker(self) -> Callable[[Path], tuple[Outcome | PrismganError | None]]:
        """What renders a clip, see :meth:`clip_renderer`, where nobody sees how it goes on."""
        render = self.clip_renderer()
        return lambda clip: (render(clip, _Silent()),)  # in a tuple: None by itself is the result of a lost job

    def clip_renderer(self) -> Callable[[Path, Listener], Outcome | PrismganError | None]:
        """What renders a clip as :func:`~prismgan.render.video.files.render_file`; an error is returned.

        Raises:
            PrismganError: the weights cannot be rendered with so.
        """
        renderer = Renderer(self.weights, **self.rendering)

        def render(clip: Path, listener: Listener) -> Outcome | PrismganError | None:
            try:
                return render_file(
                    clip, self.out, renderer, self.request, self.settings, listener, overwrite=self.overwrite
                )
            except PrismganError as error:
                return error

        return render


class _Silent:
    """A :class:`~prismgan.render.video.settings.Listener` that says nothing."""

    def remark(self, text: str) -> None: ...

    def rendered(self, frames: int, total: int | None) -> None: ...

    def joining(self, path: Path) -> None: ...


def check_clips(clips: Sequence[Path], out: Path) -> None:
    """Refuse a folder that cannot be written to, and clips that would be written over each other.

    Raises:
        PrismganError: it is so.
    """
    refuse_unwritable(out)
    folders: dict[Path, Path] = {}
    for clip in clips:
        if clip == PIPE:
            continue
        folder = results_folder(clip, Path(clip.name), out)
        other = folders.setdefault(folder, clip)
        if other is not clip:
            raise PictureError(f"{clip}: would be written to {folder}, as {other} will; render one of them elsewhere")


def render_clips_on_cluster(
    clips: Sequence[Path],
    rendering: ClipRendering,
    workers: int | None,
    progress: Callable[[float], None],
    remark: Callable[[str], None],
) -> Iterator[tuple[Path, Outcome | PrismganError | None]]:
    """Render clips with the workers of a cluster; see :func:`~prismgan.cluster.spread`.

    Clips and results are on a disk that all machines share. A clip whose worker died goes on behind its last segment.

    Args:
        clips: the clips.
        rendering: how they are rendered.
        workers: number of workers; None is as many as there is room for.
        progress: told how many clips are done.
        remark: told what a person wants to know.

    Raises:
        PrismganError: a worker cannot start.
    """
    absolute = all(path.is_absolute() for path in (rendering.out, *clips))
    memory = rendering.rendering.get("memory") or WORKER_MEMORY
    done = spread(
        clips,
        ClipRendering.worker,
        rendering,
        memory=memory + PROCESS + CODECS,
        workers=workers,
        folder=None if absolute else str(Path.cwd()),
        remark=remark,
    )
    for number, (clip, result, _) in enumerate(done, start=1):
        progress(number)
        yield clip, PrismganError(f"{clip}: {DIED}") if result is None else result[0]
