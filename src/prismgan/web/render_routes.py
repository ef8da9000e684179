"""Renders of pictures (``/api/pictures/{id}/renders``), jobs (``/api/renders``), and following their progress."""

import asyncio
import time
from contextlib import suppress
from functools import partial
from typing import Any, Literal

from fastapi import APIRouter, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse
from numpy.typing import NDArray

from prismgan.render import Renderer, Request
from prismgan.web.api_errors import ApiError
from prismgan.web.app_state import App, AppState, Client
from prismgan.web.bodies import CLIP_MEDIA, JPEG, AskedFormat, JobBody, PictureRenderBody, RenderBody, encoded, wrong
from prismgan.web.jobs import Job, Length
from prismgan.web.uploads import Part, SentPicture, Uploads

router = APIRouter(prefix="/api", tags=["renders"])


@router.post("/pictures/{picture}/renders", status_code=202, responses=wrong(400, 404, 413, 422, 429))
def render(picture: str, asked: PictureRenderBody, app: App, client: Client) -> JobBody:
    """Request outputs for a picture. They are computed in one pass of the network, when it is this job's turn. They
    become ready in the order of ``tasks``, and each can be fetched as soon as it is ready."""
    upload, renderer = app.pictures.get(picture), app.session.renderer
    part = Part(upload, asked.crop, asked.side)
    request, sizes = checked(asked, part.size, app.pictures, renderer)
    length = Length.SECONDS if part.size[0] * part.size[1] <= app.limits.quick_pixels else Length.MINUTES
    work = partial(_work, renderer, upload, part, request)
    return app.submit(Job(client, work, length, sizes={**sizes}, uploads=(upload,)))


def add_job_routes(router: APIRouter, kind: Literal["render", "style"]) -> None:
    """Add the routes for following and cancelling the jobs of a kind."""
    place = f"/{kind}s/{{name}}"

    @router.get(place, responses=wrong(404))
    def progress(name: str, app: App) -> JobBody:
        """The state of the job, for clients that cannot use its WebSocket, ``events``."""
        return app.describe(app.jobs.get(name, kind))

    @router.get(f"{place}/preview", responses={**JPEG, **wrong(404, 409)})
    def preview(name: str, app: App) -> Response:
        """The newest preview: of a style, or, for a clip, one frame with the source and all outputs, labelled."""
        job = app.jobs.get(name, kind)
        if not job.previews:
            raise ApiError(409, "there is no preview yet; try again in a few seconds")
        return Response(job.preview, media_type="image/jpeg")

    @router.delete(place, status_code=204, responses=wrong(404))
    def cancel(name: str, app: App) -> None:
        """Cancel and remove the job: immediately if it is waiting, or between two pieces of work if it is running."""
        app.drop(app.jobs.get(name, kind))

    @router.websocket(f"{place}/events")
    async def events(websocket: WebSocket, name: str, app: App) -> None:
        await _follow(websocket, app, name, kind)


add_job_routes(router, "render")


@router.get(
    "/renders/{name}/{output}",
    responses={
        200: {"content": {kind: {} for kind in ("image/png", "image/jpeg", *CLIP_MEDIA.values())}},
        206: {"description": "A part of a clip, as requested by the header Range"},
        **wrong(404, 409, 422),
        416: {"description": "The header Range is beyond the clip's end"},
    },
)
def result(name: str, output: str, app: App, kind: AskedFormat = "png") -> Response:
    """One output picture or clip. The format of a clip depends on its sound."""
    job = app.jobs.get(name, "render")
    if output not in job.sizes:
        raise ApiError(404, f"the render has no such output; it has: {', '.join(job.sizes)}")
    if job.state == "done" and output in job.files:
        # Supports Range requests, which players use to seek. A file name here would override the page's.
        return FileResponse(job.files[output], media_type=CLIP_MEDIA[job.files[output].suffix])
    picture = job.results.get(output)
    if picture is None:
        raise ApiError(409, f"the render is {job.state}, and {output} is not ready; check its state")
    with app.encoders:
        return encoded(output, picture, kind)


EVERY = 0.1  # seconds between two checks of a job
TRY_LATER, UNKNOWN = 1013, 4404


async def _follow(websocket: WebSocket, app: AppState, name: str, kind: Literal["render", "style"]) -> None:
    """Send a JSON text for every change until the job is over, and every preview as a JPEG in a binary message."""
    await websocket.accept()
    try:
        job = app.jobs.get(name, kind)
    except ApiError as error:
        await websocket.close(UNKNOWN, str(error.detail))
        return
    if app.watchers >= app.limits.watchers:
        await websocket.close(TRY_LATER, "too many WebSockets are open; request the state instead")
        return
    app.watchers += 1
    job.watchers += 1
    sent, shown = None, 0
    try:
        while True:
            state = app.describe(job)
            if state.previews > shown:
                shown = state.previews
                await websocket.send_bytes(job.preview)
            if state != sent:
                sent = state
                await websocket.send_json(state.model_dump())
            if state.state in ("done", "failed", "cancelled"):
                await websocket.close()
                return
            await _pause(websocket)
    except WebSocketDisconnect:
        return
    finally:
        app.watchers -= 1
        job.watchers -= 1
        job.asked = time.monotonic()
        _cancel_if_left(app, job)


def _cancel_if_left(app: AppState, job: Job) -> None:
    """Cancel a job if its client no longer follows or requests it; otherwise check again later."""
    if job.is_over or job.watchers:
        return
    patience = app.limits.return_seconds - (time.monotonic() - job.asked)
    if patience <= 0:
        app.queue.cancel(job)
    else:
        asyncio.get_running_loop().call_later(patience, _cancel_if_left, app, job)


async def _pause(websocket: WebSocket) -> None:
    """Wait a moment, and notice if the client leaves in the meantime."""
    with suppress(TimeoutError):
        async with asyncio.timeout(EVERY):
            while (await websocket.receive())["type"] != "websocket.disconnect":
                continue
            raise WebSocketDisconnect


def _work(renderer: Renderer, upload: SentPicture, part: Part, request: Request, job: Job) -> None:
    source = part.of(upload.open())

    def made(name: str, pixels: NDArray[Any]) -> None:
        # A new dictionary, so that iterations over the old one are not disturbed.
        job.results = {**job.results, name: source.with_pixels(pixels)}

    # In 8 bits, as for a screen; prismgan render keeps 16 bits.
    renderer.render(source.pixels, request, progress=job.advance, made=made, where="picture")


def checked(
    asked: RenderBody, size: tuple[int, int], uploads: Uploads[Any], renderer: Renderer
) -> tuple[Request, dict[str, tuple[int, int]]]:
    """The request, and the height and width of every output by name, for a source of this height and width."""
    blends = uploads.limits.blends
    if len(asked.blends) > blends:
        raise ApiError(422, f"blends: {len(asked.blends)} are requested, but the limit is {blends}")
    tasks = uploads.fitting(renderer.header.tasks, size) if asked.tasks is None else asked.tasks
    request = Request(tuple(tasks), asked.strength, asked.blends, (asked.seed,), brush=asked.brush)
    sizes = {name: (size[0] * scale, size[1] * scale) for name, scale in renderer.plan(request).scales.items()}
    for name, (height, width) in sizes.items():
        if height * width > uploads.output_pixels:
            problem = f"{name}: would have {width}x{height} pixels, more than the server's limit"
            raise ApiError(413, f"{problem}; use a smaller {uploads.what}, or {uploads.command}")
    return request, sizes
