"""Rendering a clip as a job of the queue: frames that make way for pictures, previews, a file a look at the end."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

from PIL import Image

from prismgan.errors import PictureError, PrismganError, one_line
from prismgan.render import Renderer, Request
from prismgan.render.video.clip import open_clip
from prismgan.render.video.join import target_of
from prismgan.render.video.rendering import render_clip, with_fixed_memory
from prismgan.render.video.segment import ClipJob, Encoding
from prismgan.render.video.settings import Preview, Settings, output_names
from prismgan.web.clips import NAME, SentClip, plainly
from prismgan.web.jobs import Job
from prismgan.web.limits import Limits
from prismgan.web.refusals import words_of

__all__ = ["render_sent_clip"]


class _Told:
    """A listener that tells a job."""

    def __init__(self, job: Job, limits: Limits) -> None:
        self.job, self.limits = job, limits

    def remark(self, text: str) -> None:
        """Something a person wants to know."""
        self.job.remarks.append(one_line(plainly(text)))

    def rendered(self, frames: int, total: int | None) -> None:
        """So many frames are rendered.

        Raises:
            PrismganError: the clip is longer than its file says, and than is taken here.
            Cancelled: nobody wants it any more.
        """
        if frames > self.limits.clip_frames:
            most = self.limits.clip_frames
            raise PrismganError(f"the clip has more than {most:,} frames; cut it, or use prismgan video")
        self.job.advance(frames, total or 0)

    def joining(self, path: Path) -> None:
        """All frames are encoded, and a file is put together."""
        self.job.advance(self.job.done, self.job.total)


def render_sent_clip(
    renderer: Renderer, upload: SentClip, request: Request, grid: bool, place: Path, limits: Limits, job: Job
) -> None:
    """Render a clip into files in a folder of the job's own.

    Args:
        renderer: what renders.
        upload: the clip.
        request: what to render into.
        grid: whether a clip with the source and all looks is made as well.
        place: where the job's folder is made.
        limits: how many frames are rendered.
        job: told of everything.

    Raises:
        PrismganError: the clip was forgotten, cannot be rendered, or the disk is full.
        Cancelled: nobody wants it any more.
    """
    job.folder = place / job.id
    job.folder.mkdir(parents=True)
    source = job.folder / "source"
    try:
        # Its owner may go on to another clip meanwhile.
        _link(upload.path, source)
        settings = Settings(Encoding(), grid)
        clip = open_clip(source, NAME)
        renderer = with_fixed_memory(renderer, request, clip, settings)
        segments = ClipJob(job.folder / "segments", {}, output_names(renderer, request, settings), restart=False)

        def show(picture: Image.Image) -> None:
            content = io.BytesIO()
            picture.save(content, "JPEG", quality=90)
            job.show(content.getvalue())

        outcome = render_clip(
            clip,
            job.folder,
            target_of(clip),
            segments,
            renderer,
            request,
            settings,
            _Told(job, limits),
            Preview(clip, show),
        )
        sizes = {path.stem: open_clip(path).upright_size for path in outcome.written}
    except PrismganError as error:
        raise PrismganError(plainly(words_of(error, [job.folder], "the server's folder"))) from None
    source.unlink()
    job.files = {path.stem: path for path in outcome.written}
    job.sizes = {**sizes}
    job.file_bytes = sum(path.stat().st_size for path in outcome.written)


def _link(path: Path, to: Path) -> None:
    """One more name of a file, or a copy where its file system gives none.

    Raises:
        PrismganError: there is no such file any more, or the disk is full.
    """
    try:
        os.link(path, to)
    except FileNotFoundError:
        raise PictureError("the clip was removed, or is too old; upload it again") from None
    except OSError:
        try:
            shutil.copyfile(path, to)
        except OSError as error:
            raise PrismganError(f"the clip cannot be copied ({error.strerror or error}); try again later") from None
