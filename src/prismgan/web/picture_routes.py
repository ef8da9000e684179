"""Tasks, samples, pictures and frames: ``/api/tasks``, ``/api/samples``, ``/api/pictures``, ``/api/frames``."""

import asyncio
from typing import Annotated, BinaryIO

import numpy as np
from fastapi import APIRouter, Query, Request, Response, UploadFile
from numpy.typing import NDArray
from PIL import Image

from prismgan.data.builtin import sample as sample_pixels
from prismgan.data.builtin import samples
from prismgan.errors import PrismganError
from prismgan.images import DECODING_ERRORS, Picture, open_lazily, refuse_small
from prismgan.images.pixels import to_8_bits
from prismgan.render import Request as RenderRequest
from prismgan.render.painting import BRUSH, FINE, SMALLEST_BRUSH
from prismgan.web import bodies
from prismgan.web.api_errors import ApiError, words_of
from prismgan.web.app_state import App, Client
from prismgan.web.bodies import JPEG, AskedFormat, PictureBody, TasksBody, encoded, wrong
from prismgan.web.jobs import Job, Length
from prismgan.web.uploads import Part, clips_are_read

router = APIRouter(prefix="/api", tags=["pictures"])
SCALES = (1, 2, 4)


@router.get("/tasks")
def tasks(app: App) -> TasksBody:
    """The tasks that every picture can be rendered into."""
    header, limits = app.session.weights.header, app.limits
    clip = bodies.ClipLimitsBody(upload_bytes=limits.clip_bytes, pixels=limits.clip_pixels, seconds=limits.clip_seconds)
    most = {name: getattr(limits, name) for name in ("upload_bytes", "pixels", "minutes")}
    return TasksBody(
        title=header.title,
        tasks=[bodies.TaskBody(**entry.shown(), added=entry.name in app.session.added) for entry in header.tasks],
        samples=[bodies.SampleBody(name=name, title=title) for name, title in samples().items()],
        brush=bodies.BrushBody(smallest=SMALLEST_BRUSH, fine=FINE, default=BRUSH),
        clips=clip if clips_are_read() else None,
        **most,
    )


@router.get("/samples/{name}", responses={**JPEG, **wrong(404)})
def sample(name: str) -> Response:
    """A sample photo."""
    if name not in samples():
        raise ApiError(404, f"no sample has this name; the samples are: {', '.join(samples())}")
    return encoded("sample", Picture(sample_pixels(name)), "jpg")


@router.post("/pictures", status_code=201, responses=wrong(400, 413, 415, 422, 429))
def upload(file: UploadFile, app: App, client: Client) -> PictureBody:
    """Upload a picture as ``multipart/form-data``: PNG, JPEG, WebP, TIFF, AVIF, BMP, or a GIF without animation."""
    kept = app.pictures.add(client, file)
    return PictureBody(**vars(kept), tasks=app.pictures.fitting(app.session.weights.header.tasks, kept.size))


@router.get("/pictures/{name}", responses={200: {"content": {"image/png": {}, "image/jpeg": {}}}, **wrong(404)})
def picture(
    name: str,
    app: App,
    kind: AskedFormat = "png",
    scale: Annotated[int, Query(description="1, 2 or 4")] = 1,
    crop: Annotated[str | None, Query(pattern=r"^\d{1,6}(,\d{1,6}){3}$", description="left,top,width,height")] = None,
    side: Annotated[int | None, Query(ge=16, description="most pixels of the longer side, before enlarging")] = None,
) -> Response:
    """The picture as the network reads it, upright: the whole, or a part. With ``scale`` it is enlarged bicubically, to
    serve as the base with which outputs of this scale are mixed."""
    upload = app.pictures.get(name)
    part = Part(upload, [int(number) for number in crop.split(",")] if crop else None, side)
    if scale not in SCALES:
        raise ApiError(422, f"scale: found {scale}, expected one of {', '.join(map(str, SCALES))}")
    if scale**2 * part.size[0] * part.size[1] > app.limits.output_pixels:
        most = app.limits.output_pixels
        raise ApiError(413, f"{scale}x the picture is larger than {most:,} pixels; use prismgan render")
    with app.encoders:
        source = upload.open()
        source = part.of(source) if crop or side else source
        return encoded("picture", _enlarged(source, scale) if scale > 1 else source, kind)


@router.delete("/pictures/{name}", status_code=204, responses=wrong(404))
def forget(name: str, app: App) -> None:
    """Delete a picture."""
    app.pictures.remove(name)


def _enlarged(source: Picture, scale: int) -> Picture:
    """The enlarged picture in 8 bits and without transparency, for mixing on a screen."""
    small = Image.fromarray(to_8_bits(source.pixels))
    large = small.resize((small.width * scale, small.height * scale), Image.Resampling.BICUBIC)
    return Picture(np.asarray(large), None, source.profile)


frames = APIRouter(prefix="/api", tags=["frames"])  # of a camera: outputs go out, and nothing is kept
PAUSE = 0.002  # seconds between two checks of the job
NO_JPEG = "is not a JPEG file, or is damaged"


@frames.post("/frames", response_class=Response, responses={**JPEG, **wrong(400, 413, 415, 422, 429, 503)})
async def frame(
    asked: Request,
    file: UploadFile,
    tasks: Annotated[list[str], Query(min_length=1, description="names of tasks of the frame's own size")],
    app: App,
    client: Client,
) -> Response:
    """Send one frame as a JPEG file; its outputs are returned as one JPEG, stacked vertically in the requested order.

    The request waits in the queue like every render; the response is sent when the outputs are ready."""
    renderer = app.session.renderer
    larger = [name for name, scale in renderer.plan(RenderRequest(tuple(tasks))).scales.items() if scale != 1]
    if larger:
        raise ApiError(422, f"tasks: {', '.join(larger)} enlarge the frame; request tasks of its own size")
    pixels = await asyncio.to_thread(_decoded, file.file, app.limits.quick_pixels)

    def work(job: Job) -> None:
        looks = renderer.render(pixels, RenderRequest(tuple(tasks)), progress=job.advance, where="frame")
        job.results = {"looks": Picture(np.concatenate([looks[name] for name in tasks]))}

    job = Job(client, work, Length.SECONDS)
    app.queue.submit(job)
    while not job.is_over:
        if await asked.is_disconnected():
            app.queue.cancel(job)  # the client has gone
        await asyncio.sleep(PAUSE)
    if job.state != "done":
        raise ApiError(503, job.error or "the server is stopping")
    return await asyncio.to_thread(encoded, "looks", job.results["looks"], "jpg")


def _decoded(file: BinaryIO, most: int) -> NDArray[np.uint8]:
    """The pixels of a frame; only JPEG is decoded, because cameras' frames are sent as JPEG."""
    try:
        with open_lazily(file.read(), NO_JPEG, formats=("JPEG",)) as picture:
            if (pixels := picture.width * picture.height) > most:
                raise ApiError(413, f"the frame has {pixels:,} pixels, but the limit is {most:,}")
            refuse_small("frame", picture.height, picture.width)
            return np.asarray(picture.convert("RGB"))
    except PrismganError as error:
        text = words_of(error)
        raise ApiError(415 if NO_JPEG in text else 422, text.replace("picture: ", "the frame ")) from None
    except DECODING_ERRORS:
        raise ApiError(415, f"the frame {NO_JPEG}") from None
