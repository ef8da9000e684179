"""A picture as an answer: PNG or JPEG, and kept by nobody on the way."""

from __future__ import annotations

from typing import Literal

from fastapi import Response

from prismgan.picture import Picture, encoded_picture

__all__ = ["PictureFormat", "encoded"]

PictureFormat = Literal["png", "jpg"]
MEDIA = {"png": "image/png", "jpg": "image/jpeg"}
QUALITY = 95


def encoded(name: str, picture: Picture, kind: PictureFormat) -> Response:
    """The picture's file; ``name`` is what a browser would save it as."""
    return Response(
        encoded_picture(name, kind, picture, QUALITY),
        media_type=MEDIA[kind],
        headers={"Content-Disposition": f'inline; filename="{name}.{kind}"', "Cache-Control": "no-store"},
    )
