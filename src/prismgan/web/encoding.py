"""Pictures and clips as answers, kept by nobody on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from fastapi import Response
from fastapi.responses import FileResponse

from prismgan.images import Picture, encoded_picture
from prismgan.web.jobs import Job
from prismgan.web.refusals import Refusal

__all__ = ["CLIP_MEDIA", "PictureFormat", "clip", "encoded", "newest_preview"]

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


def clip(path: Path) -> Response:
    """The clip's file, or the part of it that is asked for: players jump."""
    # Without a name: a page's own for it would not count.
    return FileResponse(path, media_type=CLIP_MEDIA[path.suffix])


def newest_preview(job: Job) -> Response:
    """How the job is getting on, as a JPEG.

    Raises:
        Refusal: there is none yet (409).
    """
    if not job.previews:
        raise Refusal(409, "there is no preview yet; ask again in some seconds")
    return Response(job.preview, media_type="image/jpeg")
