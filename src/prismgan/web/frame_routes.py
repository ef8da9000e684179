"""Frames of a camera: ``/api/frames``. A frame comes in, its looks go out, and nothing is kept."""

from __future__ import annotations

import asyncio
from typing import Annotated, BinaryIO

import numpy as np
from fastapi import APIRouter, Query, Request, Response, UploadFile
from numpy.typing import NDArray

from prismgan import images
from prismgan.errors import PrismganError
from prismgan.images import Picture
from prismgan.render import Request as RenderRequest
from prismgan.web.bodies import encoded, wrong
from prismgan.web.jobs import Job, Length
from prismgan.web.refusals import Refusal, words_of
from prismgan.web.workshop import Client, Here

router = APIRouter(prefix="/api", tags=["frames"])
PAUSE = 0.002
"""Seconds between two looks at the job."""
NO_JPEG = "is no JPEG file, or is damaged"


@router.post(
    "/frames",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, **wrong(400, 413, 415, 422, 429, 503)},
)
async def frame(
    asked: Request,
    file: UploadFile,
    tasks: Annotated[list[str], Query(min_length=1, description="names of looks of the frame's own size")],
    here: Here,
    client: Client,
) -> Response:
    """Send one frame as a JPEG file; its looks come back below one another, in the order asked for, as one JPEG.

    It takes its turn as every render does, and is answered when it is done.
    """
    renderer = here.studio.renderer
    try:
        scales = renderer.plan(RenderRequest(tuple(tasks))).scales
    except PrismganError as error:
        raise Refusal(422, words_of(error)) from None
    larger = [name for name, scale in scales.items() if scale != 1]
    if larger:
        raise Refusal(422, f"tasks: {', '.join(larger)} enlarge the frame; ask for looks of its own size")
    pixels = await asyncio.to_thread(_decoded, file.file, here.limits.quick_pixels)

    def work(job: Job) -> None:
        looks = renderer.render(pixels, RenderRequest(tuple(tasks)), progress=job.advance, where="frame")
        job.results = {"looks": Picture(np.concatenate([looks[name] for name in tasks]))}

    job = Job(client, work, Length.SECONDS)
    here.queue.submit(job)
    while not job.is_over:
        if await asked.is_disconnected():
            here.queue.cancel(job)  # nobody is there to be shown what comes out
        await asyncio.sleep(PAUSE)
    if job.state != "done":
        raise Refusal(503, job.error or "the server ends")
    return await asyncio.to_thread(encoded, "looks", job.results["looks"], "jpg")


def _decoded(file: BinaryIO, most: int) -> NDArray[np.uint8]:
    """Of the JPEG alone, which cameras' frames are sent as: no other decoder is asked."""
    try:
        with images.open_lazily(file.read(), NO_JPEG, formats=("JPEG",)) as picture:
            if picture.width * picture.height > most:
                raise Refusal(413, f"the frame has {picture.width * picture.height:,} pixels, and {most:,} are taken")
            images.refuse_small("frame", picture.height, picture.width)
            return np.asarray(picture.convert("RGB"))
    except PrismganError as error:
        text = words_of(error)
        raise Refusal(415 if NO_JPEG in text else 422, text.replace("picture: ", "the frame ")) from None
    except images.DECODING_ERRORS:
        raise Refusal(415, f"the frame {NO_JPEG}") from None
