"""Clips: ``/api/videos``. What becomes of them is a render, as of pictures: ``/api/renders``."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, UploadFile

from prismgan.render.video.settings import GRID
from prismgan.web.bodies import ClipBody, ClipRenderBody, JobBody, WrongBody
from prismgan.web.clip_rendering import render_sent_clip
from prismgan.web.clips import clips_are_read
from prismgan.web.jobs import Job, Length
from prismgan.web.refusals import Refusal
from prismgan.web.render_request import checked, fitting
from prismgan.web.workshop import Client, Here

__all__ = ["router"]

router = APIRouter(prefix="/api/videos", tags=["clips"])


@router.post("", status_code=201, responses={code: {"model": WrongBody} for code in (400, 413, 415, 422, 429)})
def upload(file: UploadFile, here: Here, client: Client) -> ClipBody:
    """Send a clip as ``multipart/form-data``: whatever FFmpeg reads, as MP4, MOV, WebM, Matroska, AVI or MPEG."""
    if not clips_are_read():
        raise Refusal(501, "clips need a package that is not installed here; pip install 'prismgan[video]'")
    kept = here.clips.add(client, file.file)
    return ClipBody(
        id=kept.id,
        width=kept.width,
        height=kept.height,
        seconds=kept.seconds,
        frames=kept.frames,
        tasks=fitting(here.studio.weights.header.tasks, kept.size, here.clips.bounds),
    )


@router.delete("/{name}", status_code=204, responses={404: {"model": WrongBody}})
def forget(name: str, here: Here) -> None:
    """Forget a clip. A render of it that runs goes on until it is cancelled."""
    here.clips.remove(name)


@router.post(
    "/{name}/renders",
    status_code=202,
    responses={code: {"model": WrongBody} for code in (400, 404, 413, 422, 429)},
)
def render(name: str, asked: ClipRenderBody, here: Here, client: Client) -> JobBody:
    """Ask for looks of a clip, with its sound; see ``/api/renders``. All that is shorter is done in between. The
    WebSocket ``/api/renders/{id}/events`` sends previews as binary messages, JPEG files."""
    upload, renderer = here.clips.get(name), here.studio.renderer
    request, sizes = checked(asked, upload.size, here.clips.bounds, renderer, here.limits)
    if asked.grid and GRID in sizes:
        raise Refusal(422, f"grid: an output is named {GRID!r} already; leave one of them out")
    grid = {GRID: None} if asked.grid else {}
    work = partial(render_sent_clip, renderer, upload, request, asked.grid, here.folder.path / "renders", here.limits)
    return here.submit(Job(client, work, Length.HOURS, sizes={**sizes, **grid}, uploads=(upload,)))
