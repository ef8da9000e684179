"""Styles that are learnt from a picture: ``/api/styles``; and the weights that know them: ``/api/weights``."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any

from fastapi import APIRouter, Response

from prismgan.errors import WeightsError
from prismgan.web.bodies import JobBody, StyleBody, WrongBody
from prismgan.web.encoding import newest_preview
from prismgan.web.jobs import Job, Length
from prismgan.web.refusals import Refusal, words_of
from prismgan.web.style_training import train_style
from prismgan.web.workshop import Client, Here
from prismgan.weights import free_name

__all__ = ["router"]

router = APIRouter(prefix="/api", tags=["styles"])
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": WrongBody}}


@router.post("/styles", status_code=202, responses={code: {"model": WrongBody} for code in (400, 404, 409, 422, 429)})
def learn(asked: StyleBody, here: Here, client: Client) -> JobBody:
    """Learn the style of a picture that was uploaded. All who use this server get the new look."""
    exemplar = here.pictures.get(asked.picture)
    shown = None if asked.preview is None else here.pictures.get(asked.preview)
    limits, weights = here.limits, here.studio.weights
    if asked.minutes > limits.minutes:
        raise Refusal(422, f"minutes: found {asked.minutes:g}, at most {limits.minutes:g} are given to a style")
    if asked.name in {entry.name for entry in weights.header.tasks} | here.jobs.names("style"):
        raise Refusal(409, f"there is a look {asked.name!r} already; choose another name")
    try:
        free_name(weights, asked.name)
    except WeightsError as error:
        raise Refusal(422, f"name: {words_of(error, [weights.path])}") from None
    if len(here.studio.added) + len(here.jobs.names("style")) >= limits.styles:
        raise Refusal(
            409, f"{limits.styles} styles were added already; start the server again with the weights you downloaded"
        )
    work = partial(train_style, here.studio, asked, exemplar, shown)
    uploads = (exemplar,) if shown is None else (exemplar, shown)
    return here.submit(Job(client, work, Length.MINUTES, kind="style", name=asked.name, uploads=uploads))


@router.get("/styles/{name}", responses=NOT_FOUND)
def progress(name: str, here: Here) -> JobBody:
    """How far the training is; the WebSocket ``/api/styles/{name}/events`` also sends previews."""
    return here.describe(here.jobs.get(name, "style"))


@router.get(
    "/styles/{name}/preview",
    responses={200: {"content": {"image/jpeg": {}}}, **{code: {"model": WrongBody} for code in (404, 409)}},
)
def preview(name: str, here: Here) -> Response:
    """The newest preview."""
    return newest_preview(here.jobs.get(name, "style"))


@router.delete("/styles/{name}", status_code=204, responses=NOT_FOUND)
def cancel(name: str, here: Here) -> None:
    """Cancel a training and forget it."""
    job = here.jobs.get(name, "style")
    here.queue.cancel(job)
    here.jobs.forget(job)


@router.get("/weights", responses={200: {"content": {"application/octet-stream": {}}}})
def weights(here: Here) -> Response:
    """The weights with all styles that were added: a file for ``--weights``."""
    path = here.folder.path / secrets.token_urlsafe(16)
    try:
        here.studio.weights.save(path)
        content = path.read_bytes()
    finally:
        path.unlink(missing_ok=True)
    return Response(
        content,
        media_type="application/octet-stream",
        headers={"Content-Disposition": 'attachment; filename="weights.safetensors"'},
    )
