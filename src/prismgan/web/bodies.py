"""Bodies of requests and answers."""

from typing import Annotated, Any, Literal

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from prismgan.images import Picture, encoded_picture
from prismgan.render.painting import LARGEST_BRUSH, SMALLEST_BRUSH
from prismgan.web.jobs import State

Number = Annotated[float, Field(allow_inf_nan=False)]


class Told(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class Asked(Told):
    """Refuses what it does not know."""

    model_config = ConfigDict(extra="forbid")


class WrongBody(Told):
    """Every error."""

    error: str
    """What, where, and what to do."""


def wrong(*codes: int) -> dict[int | str, dict[str, Any]]:
    """A route's errors, for the description of the interface."""
    return {code: {"model": WrongBody} for code in codes}


class TaskBody(Told):
    """One look."""

    name: str
    title: str
    kind: str
    scale: int
    """How many times the picture's sides its sides are."""
    fine: bool
    """Whether it needs the part of the network that restoration lives in, and takes longer."""
    varies: bool
    """Whether it comes out differently with another seed."""
    added: bool
    """Whether it was added while the server runs."""


class ClipLimitsBody(Told):
    """What the page has to know before it sends a clip."""

    upload_bytes: int
    pixels: int
    """Of a frame."""
    seconds: float


class BrushBody(Told):
    """At which longest side styles are painted, in pixels."""

    smallest: int
    default: int
    """Of pictures that are no smaller; those are painted as they are."""


class SampleBody(Told):
    """A photo to try."""

    name: str
    title: str


class TasksBody(Told):
    """All looks, and what the page has to know before it sends a picture."""

    title: str
    """Of the weights."""
    tasks: list[TaskBody]
    samples: list[SampleBody]
    brush: BrushBody
    upload_bytes: int
    pixels: int
    minutes: float
    """That a style may learn for."""
    clips: ClipLimitsBody | None
    """None where clips are not taken."""


class PictureBody(Told):
    """A picture that was read."""

    id: str
    width: int
    height: int
    tasks: list[str]
    """Those whose output is not too large for the server."""


class ClipBody(PictureBody):
    """A clip that was read."""

    seconds: float | None
    """None where the file does not say."""
    frames: int | None
    """About; None where the file does not say."""


class RenderBody(Asked):
    """What to make of a picture or clip; see ``prismgan.render.Request``."""

    tasks: list[str] | None = None
    """Names; by default all that are not too large."""
    strength: dict[str, Number] = {}
    """By name: 0 is the picture, 1 the look, up to 2 exaggerates it."""
    blends: dict[str, dict[str, Number]] = {}
    """By name of one more output: weights of looks of one scale."""
    seed: Annotated[int, Field(ge=0, le=2**53 - 1)] = 0
    """Of the latent z, for looks that vary."""
    brush: Annotated[int, Field(ge=SMALLEST_BRUSH, le=LARGEST_BRUSH)] | None = None
    """Longest side in pixels at which styles are painted: the smaller, the broader the brush against the picture."""


class PictureRenderBody(RenderBody):
    """What to make of a picture, or of a part of it."""

    crop: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=4, max_length=4)] | None = None
    """Left, top, width and height of the part that is rendered, in pixels of the picture."""
    side: Annotated[int, Field(ge=16)] | None = None
    """The picture (or the part) is first reduced so that its longer side has at most so many pixels, for a preview."""


class ClipRenderBody(RenderBody):
    """What to make of a clip."""

    grid: bool = False
    """Also a clip named ``grid``, with the source and all looks side by side, labelled."""


class StyleBody(Asked):
    """A style to learn from a picture."""

    picture: str
    """Id of a picture that was uploaded."""
    name: str
    minutes: Annotated[Number, Field(gt=0)] = 5
    size: Annotated[int, Field(ge=64, le=2048)] = 384
    """Longest side that the picture is reduced to; a smaller one means a finer brush."""
    preview: str | None = None
    """Id of the picture that previews show; a built-in one by default."""


class OutputBody(Told):
    """One picture or clip that comes out."""

    name: str
    width: int | None
    """None where it is known at the end."""
    height: int | None
    format: str | None
    """Of a clip that is done: ``mp4``, ``mov`` or ``mkv``. A picture has the format that is asked for."""
    ready: bool
    """Whether it can be fetched. Pictures of a render become ready one after the other, clips all at the end."""


class JobBody(Told):
    """How far a job is."""

    id: str
    kind: Literal["render", "style"]
    state: State
    ahead: int
    """Jobs that come before."""
    done: int
    """Tiles, frames, or steps."""
    total: int
    """0 where nobody knows."""
    progress: float
    """0 to 1."""
    previews: int
    outputs: list[OutputBody]
    name: str
    """Of the style."""
    remarks: list[str]
    """What somebody may want to know, as that a clip's subtitles are left out."""
    error: str | None


PictureFormat = Literal["png", "jpg"]
MEDIA = {"png": "image/png", "jpg": "image/jpeg"}
CLIP_MEDIA = {".mp4": "video/mp4", ".mov": "video/quicktime", ".mkv": "video/x-matroska"}
QUALITY = 95


def encoded(name: str, picture: Picture, kind: PictureFormat) -> Response:
    """The picture's file; ``name`` is what a browser would save it as."""
    return Response(
        encoded_picture(name, kind, picture, QUALITY),
        media_type=MEDIA[kind],
        headers={"Content-Disposition": f'inline; filename="{name}.{kind}"', "Cache-Control": "no-store"},
    )
