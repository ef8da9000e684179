"""Renders: ``/api/pictures/{id}/renders``, and those of clips as well ``/api/renders``."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from numpy.typing import NDArray

from prismgan.errors import PrismganError
from prismgan.render import Renderer, Request
from prismgan.web.bodies import (
    CLIP_MEDIA,
    JobBody,
    PictureFormat,
    PictureRenderBody,
    RenderBody,
    clip,
    encoded,
    newest_preview,
    wrong,
)
from prismgan.web.jobs import Job, Length
from prismgan.web.limits import Limits
from prismgan.web.pictures import Part, SentPicture
from prismgan.web.refusals import Refusal, words_of
from prismgan.web.uploads import Bounds
from prismgan.web.workshop import Client, Here

router = APIRouter(prefix="/api", tags=["renders"])


@router.post("/pictures/{picture}/renders", status_code=202, responses=wrong(400, 404, 413, 422, 429))
def render(picture: str, asked: PictureRenderBody, here: Here, client: Client) -> JobBody:
    """Ask for looks of a picture. They are made in one pass of the network, when it is this job's turn. They become
    ready in the order of ``tasks``, and each can be fetched from then on."""
    upload, renderer = here.pictures.get(picture), here.studio.renderer
    part = Part(upload, asked.crop, asked.side)
    request, sizes = checked(asked, part.size, here.pictures.bounds, renderer, here.limits)
    small = part.size[0] * part.size[1] <= here.limits.quick_pixels
    length = Length.SECONDS if small else Length.MINUTES
    work = partial(_work, renderer, upload, part, request)
    return here.submit(Job(client, work, length, sizes={**sizes}, uploads=(upload,)))


@router.get("/renders/{name}", responses=wrong(404))
def progress(name: str, here: Here) -> JobBody:
    """How far a render is: for those who cannot use the WebSocket ``/api/renders/{name}/events``."""
    return here.describe(here.jobs.get(name, "render"))


@router.get("/renders/{name}/preview", responses={200: {"content": {"image/jpeg": {}}}, **wrong(404, 409)})
def preview(name: str, here: Here) -> Response:
    """The newest preview of a clip: source and looks of one frame, labelled."""
    return newest_preview(here.jobs.get(name, "render"))


@router.get(
    "/renders/{name}/{output}",
    responses={
        200: {"content": {kind: {} for kind in ("image/png", "image/jpeg", *CLIP_MEDIA.values())}},
        206: {"description": "A part of a clip, where the header Range asks for one"},
        **wrong(404, 409, 422),
        416: {"description": "The clip is not as long as the header Range says"},
    },
)
def result(
    name: str, output: str, here: Here, kind: Annotated[PictureFormat, Query(alias="format")] = "png"
) -> Response:
    """One picture or clip that came out. A clip has the format that fits its sound."""
    job = here.jobs.get(name, "render")
    if output not in job.sizes:
        raise Refusal(404, f"the render has no such output; it has: {', '.join(job.sizes)}")
    if job.state == "done" and output in job.files:
        return clip(job.files[output])
    picture = job.results.get(output)
    if picture is None:
        raise Refusal(409, f"the render is {job.state}, and {output} is not ready; its state says when it is")
    with here.encoders:
        return encoded(output, picture, kind)


@router.delete("/renders/{name}", status_code=204, responses=wrong(404))
def cancel(name: str, here: Here) -> None:
    """Cancel a render and forget it: at once while it waits, and between two tiles or frames while it runs."""
    here.drop(here.jobs.get(name, "render"))


def _work(renderer: Renderer, upload: SentPicture, part: Part, request: Request, job: Job) -> None:
    source = part.of(upload.open())

    def made(name: str, look: NDArray[Any]) -> None:
        # Another one: whoever looks through the old one meanwhile is not disturbed.
        job.results = {**job.results, name: source.with_pixels(look)}

    # As deep as a screen: what has 16 bits gets them from prismgan render.
    renderer.render(source.pixels, request, progress=job.advance, made=made, where="picture")


def checked(
    asked: RenderBody, size: tuple[int, int], bounds: Bounds, renderer: Renderer, limits: Limits
) -> tuple[Request, dict[str, tuple[int, int]]]:
    """The request, and height and width of what comes out, by name, of a source of this height and width.

    Raises:
        Refusal: it does not fit the weights (422), or is too much (413, 422).
    """
    if len(asked.blends) > limits.blends:
        raise Refusal(422, f"blends: {len(asked.blends)} are asked for, and {limits.blends} are made at once")
    tasks = bounds.fitting(renderer.header.tasks, size) if asked.tasks is None else asked.tasks
    try:
        request = Request(tuple(tasks), asked.strength, asked.blends, (asked.seed,), brush=asked.brush)
        scales = renderer.plan(request).scales
    except PrismganError as error:
        raise Refusal(422, words_of(error)) from None
    sizes = {name: (size[0] * scale, size[1] * scale) for name, scale in scales.items()}
    for name, (height, width) in sizes.items():
        if height * width > bounds.output_pixels:
            raise Refusal(
                413,
                f"{name}: would have {width}x{height} pixels, more than the server makes; "
                f"use a smaller {bounds.what}, or {bounds.command}",
            )
    return request, sizes
