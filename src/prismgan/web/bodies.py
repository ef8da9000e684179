"""Bodies of requests and responses."""

from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field

from prismgan.images import Picture, encoded_picture
from prismgan.render.painting import LARGEST_BRUSH, SMALLEST_BRUSH
from prismgan.web.jobs import State

Number = Annotated[float, Field(allow_inf_nan=False)]


class Body(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class RequestBody(Body):
    """The body of a request; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


class WrongBody(Body):
    """The body of every error."""

    error: str
    """What is wrong, where, and what to do."""


def wrong(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The error responses of a route, for the API description."""
    return {code: {"model": WrongBody} for code in codes}


JPEG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/jpeg": {}}}}  # a route's response


class TaskBody(Body):
    """One task."""

    name: str
    title: str
    kind: str
    scale: int
    """Scale of the output relative to the picture's sides."""
    fine: bool
    """Whether it needs the part of the network for restoration, which takes longer."""
    varies: bool
    """Whether it depends on the seed."""
    added: bool
    """Whether it was added while the server was running."""


class ClipLimitsBody(Body):
    """Limits that the page needs before it sends a clip."""

    upload_bytes: int
    pixels: int
    """Maximum pixels of a frame."""
    seconds: float


class BrushBody(Body):
    """The longest side at which styles are painted, in pixels."""

    smallest: int
    fine: int
    """Default for small pictures, which are enlarged for painting, at most twofold."""
    default: int
    """Default for large pictures; those in between are painted at their own size."""


class SampleBody(Body):
    """A sample photo."""

    name: str
    title: str


class TasksBody(Body):
    """All tasks, and the settings that the page needs before it sends a picture."""

    title: str
    """Title of the weights."""
    tasks: list[TaskBody]
    samples: list[SampleBody]
    brush: BrushBody
    upload_bytes: int
    pixels: int
    minutes: float
    """Maximum minutes of training for a style."""
    clips: ClipLimitsBody | None
    """None if clips are not supported."""


class PictureBody(Body):
    """A picture after decoding."""

    id: str
    width: int
    height: int
    tasks: list[str]
    """Looks whose output is not too large for the server."""


class ClipBody(PictureBody):
    """A clip after opening."""

    seconds: float | None
    """None if the file does not give it."""
    frames: int | None
    """Approximate; None if the file does not give it."""


class RenderBody(RequestBody):
    """The requested outputs of a picture or clip; see ``prismgan.render.Request``."""

    tasks: list[str] | None = None
    """Names; by default all tasks whose output is not too large."""
    strength: dict[str, Number] = {}
    """Strengths by name: 0 is the picture, 1 the output, up to 2 exaggerates it."""
    blends: dict[str, dict[str, Number]] = {}
    """Blends by the name of the extra output: weights of tasks of the same scale."""
    seed: Annotated[int, Field(ge=0, le=2**53 - 1)] = 0
    """Seed of the latent z, for tasks that vary."""
    brush: Annotated[int, Field(ge=SMALLEST_BRUSH, le=LARGEST_BRUSH)] | None = None
    """Longest side in pixels at which styles are painted; a smaller side gives a broader brush."""


class PictureRenderBody(RenderBody):
    """The requested outputs of a picture, or of a part of it."""

    crop: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=4, max_length=4)] | None = None
    """Left, top, width and height of the part to render, in pixels of the picture."""
    side: Annotated[int, Field(ge=16)] | None = None
    """Maximum longer side, in pixels, to which the picture or part is first reduced, for a preview."""


class ClipRenderBody(RenderBody):
    """The requested outputs of a clip."""

    grid: bool = False
    """Whether to add a clip named ``grid``, with the source and all outputs side by side, labelled."""


class StyleBody(RequestBody):
    """A style to learn from a picture."""

    picture: str
    """Id of an uploaded picture."""
    name: str
    minutes: Annotated[Number, Field(gt=0)] = 5
    size: Annotated[int, Field(ge=64, le=2048)] = 384
    """Longest side to which the picture is reduced; a smaller one means a finer brush."""
    preview: str | None = None
    """Id of the picture that previews show; a built-in one by default."""


class OutputBody(Body):
    """One output picture or clip."""

    name: str
    width: int | None
    """None if it is only known at the end."""
    height: int | None
    format: str | None
    """Format of a finished clip: ``mp4``, ``mov`` or ``mkv``. A picture has the requested format."""
    ready: bool
    """Whether it can be fetched. Pictures of a render become ready one after the other, clips all at the end."""


class JobBody(Body):
    """The state of a job."""

    id: str
    kind: Literal["render", "style"]
    state: State
    ahead: int
    """Number of jobs before it in the queue."""
    done: int
    """Tiles, frames, or steps."""
    total: int
    """0 if unknown."""
    progress: float
    """0 to 1."""
    previews: int
    outputs: list[OutputBody]
    name: str
    """Name of the style."""
    remarks: list[str]
    """Remarks for the user, for example that a clip's subtitles are left out."""
    error: str | None


PictureFormat = Literal["png", "jpg"]
AskedFormat = Annotated[PictureFormat, Query(alias="format")]
MEDIA = {"png": "image/png", "jpg": "image/jpeg"}
CLIP_MEDIA = {".mp4": "video/mp4", ".mov": "video/quicktime", ".mkv": "video/x-matroska"}
QUALITY = 95


def encoded(name: str, picture: Picture, kind: PictureFormat) -> Response:
    """The picture's file; ``name`` is the suggested file name for browsers."""
    headers = {"Content-Disposition": f'inline; filename="{name}.{kind}"', "Cache-Control": "no-store"}
    return Response(encoded_picture(name, kind, picture, QUALITY), media_type=MEDIA[kind], headers=headers)
