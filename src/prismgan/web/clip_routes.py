"""Clips: ``/api/videos``, and their rendering as a job of the queue."""

import os
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fastapi import APIRouter, UploadFile

from prismgan.errors import PictureError, PrismganError, explained, one_line
from prismgan.render import Renderer, Request
from prismgan.render.video.clip import open_clip
from prismgan.render.video.files import render_clip, with_fixed_memory
from prismgan.render.video.join import target_of
from prismgan.render.video.pipeline import Pipeline
from prismgan.render.video.segment import ClipJob, Encoding
from prismgan.render.video.settings import GRID, Preview, Settings, output_names
from prismgan.web.api_errors import ApiError, words_of
from prismgan.web.app_state import App, Client
from prismgan.web.bodies import ClipBody, ClipRenderBody, JobBody, wrong
from prismgan.web.jobs import Job, Length
from prismgan.web.limits import Limits
from prismgan.web.render_routes import checked
from prismgan.web.uploads import CLIP, SentClip, clips_are_read, plainly

router = APIRouter(prefix="/api/videos", tags=["clips"])


@router.post("", status_code=201, responses=wrong(400, 413, 415, 422, 429))
def upload(file: UploadFile, app: App, client: Client) -> ClipBody:
    """Upload a clip as ``multipart/form-data``, in a format that FFmpeg reads, for example MP4, MOV, WebM, Matroska,
    AVI or MPEG."""
    if not clips_are_read():
        raise ApiError(501, "clips need a package that is not installed here; pip install 'prismgan[video]'")
    kept = app.clips.add(client, file)
    return ClipBody(**vars(kept), tasks=app.clips.fitting(app.session.weights.header.tasks, kept.size))


@router.delete("/{name}", status_code=204, responses=wrong(404))
def forget(name: str, app: App) -> None:
    """Delete a clip. A running render of it continues until it is cancelled."""
    app.clips.remove(name)


@router.post("/{name}/renders", status_code=202, responses=wrong(400, 404, 413, 422, 429))
def render(name: str, asked: ClipRenderBody, app: App, client: Client) -> JobBody:
    """Request outputs for a clip, with its sound; see ``/api/renders``. Shorter jobs are done in between. The WebSocket
    ``/api/renders/{id}/events`` sends previews as binary messages with JPEG files."""
    upload, renderer = app.clips.get(name), app.session.renderer
    request, sizes = checked(asked, upload.size, app.clips, renderer)
    if asked.grid and GRID in sizes:
        raise ApiError(422, f"grid: an output is already named {GRID!r}; leave one of them out")
    grid = {GRID: None} if asked.grid else {}
    work = partial(render_sent_clip, renderer, upload, request, asked.grid, app.folder.path / "renders", app.limits)
    return app.submit(Job(client, work, Length.HOURS, sizes={**sizes, **grid}, uploads=(upload,)))


@dataclass
class _Listener:
    job: Job
    limits: Limits

    def remark(self, text: str) -> None:
        self.job.remarks.append(one_line(plainly(text)))

    def rendered(self, frames: int, total: int | None) -> None:
        most = self.limits.clip_frames
        if frames > most:  # more than its file claims
            raise PrismganError(f"the clip has more than {most:,} frames; cut it, or use prismgan video")
        self.job.advance(frames, total or 0)

    def joining(self, path: Path) -> None:
        self.job.advance(self.job.done, self.job.total)


def render_sent_clip(
    renderer: Renderer, upload: SentClip, request: Request, grid: bool, place: Path, limits: Limits, job: Job
) -> None:
    """Render a clip into files in the job's own folder below ``place``."""
    job.folder = place / job.id
    job.folder.mkdir(parents=True)
    source = job.folder / "source"
    try:
        _link(upload.path, source)  # its owner may delete the clip meanwhile
        settings = Settings(Encoding(), grid)
        clip = open_clip(source, CLIP)
        renderer = with_fixed_memory(renderer, request, clip, settings)
        segments = ClipJob(job.folder / "segments", {}, output_names(renderer, request, settings), restart=False)
        listener, preview = _Listener(job, limits), Preview(clip, job.show)
        pipeline = Pipeline(clip, segments, renderer, request, settings, listener, preview)
        outcome = render_clip(pipeline, job.folder, target_of(clip))
        sizes = {path.stem: open_clip(path).upright_size for path in outcome.written}
    except PrismganError as error:
        raise PrismganError(plainly(words_of(error, [job.folder], "the server's folder"))) from None
    source.unlink()
    job.files = {path.stem: path for path in outcome.written}
    job.sizes = {**sizes}
    job.file_bytes = sum(path.stat().st_size for path in outcome.written)


def _link(path: Path, to: Path) -> None:
    """Link a file, or copy it if the file system does not support links."""
    with explained("the clip cannot be copied", "; try again later"):
        try:
            os.link(path, to)
        except FileNotFoundError:
            raise PictureError("the clip was removed, or is too old; upload it again") from None
        except OSError:
            shutil.copyfile(path, to)
