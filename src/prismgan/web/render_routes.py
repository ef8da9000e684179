"""Renders: ``/api/pictures/{id}/renders`` and ``/api/renders``."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from prismgan.errors import PrismganError
from prismgan.inference.files import like_source
from prismgan.inference.renderer import Renderer
from prismgan.inference.request import Request
from prismgan.web.bodies import JobBody, RenderBody, WrongBody
from prismgan.web.encoding import PictureFormat, encoded
from prismgan.web.jobs import Job
from prismgan.web.picture_routes import fitting
from prismgan.web.refusals import Refusal, words_of
from prismgan.web.uploads import Upload
from prismgan.web.workshop import Client, Here

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["renders"])
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": WrongBody}}


@router.post(
    "/pictures/{picture}/renders",
    status_code=202,
    responses={code: {"model": WrongBody} for code in (400, 404, 413, 422, 429)},
)
def render(picture: str, asked: RenderBody, here: Here, client: Client) -> JobBody:
    """Ask for looks of a picture. They are made in one pass of the network, when it is this job's turn."""
    upload, renderer, limits = here.uploads.get(picture), here.studio.renderer, here.limits
    if len(asked.blends) > limits.blends:
        raise Refusal(422, f"blends: {len(asked.blends)} are asked for, and {limits.blends} are made at once")
    tasks = fitting(here, upload) if asked.tasks is None else asked.tasks
    try:
        request = Request(tuple(tasks), asked.strength, asked.blends, (asked.seed,))
        scales = renderer.plan(request).scales
    except PrismganError as error:
        raise Refusal(422, words_of(error)) from None
    sizes = {name: (upload.height * scale, upload.width * scale) for name, scale in scales.items()}
    for name, (height, width) in sizes.items():
        if height * width > limits.output_pixels:
            raise Refusal(
                413,
                f"{name}: would have {width}x{height} pixels, more than the server makes; "
                "use a smaller picture, or prismgan render",
            )
    job = Job(
        client,
        partial(_work, renderer, upload, request),
        quick=upload.height * upload.width <= limits.quick_pixels,
        sizes=sizes,
    )
    return here.submit(job)


@router.get("/renders/{name}", responses=NOT_FOUND)
def progress(name: str, here: Here) -> JobBody:
    """How far a render is: for those who cannot use the WebSocket ``/api/renders/{name}/events``."""
    return here.describe(here.jobs.get(name, "render"))


@router.get(
    "/renders/{name}/{output}",
    responses={
        200: {"content": {"image/png": {}, "image/jpeg": {}}},
        **{code: {"model": WrongBody} for code in (404, 409, 422)},
    },
)
def result(
    name: str, output: str, here: Here, kind: Annotated[PictureFormat, Query(alias="format")] = "png"
) -> Response:
    """One picture that came out."""
    job = here.jobs.get(name, "render")
    if output not in job.sizes:
        raise Refusal(404, f"the render has no such output; it has: {', '.join(job.sizes)}")
    if job.state != "done":
        raise Refusal(409, f"the render is {job.state}; its pictures are there when it is done")
    with here.encoders:
        return encoded(output, job.results[output], kind)


@router.delete("/renders/{name}", status_code=204, responses=NOT_FOUND)
def cancel(name: str, here: Here) -> None:
    """Cancel a render and forget it: at once while it waits, and between two tiles while it runs."""
    job = here.jobs.get(name, "render")
    here.queue.cancel(job)
    here.jobs.forget(job)


def _work(renderer: Renderer, upload: Upload, request: Request, job: Job) -> None:
    source = upload.open()
    # As deep as a screen: what has 16 bits gets them from prismgan render.
    looks = renderer.render(source.pixels, request, progress=job.advance, where="picture")
    job.results = {name: like_source(source, pixels) for name, pixels in looks.items()}
