"""The page: a few files that are read once, so that no request's path ever meets the file system."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Response

from prismgan.web.refusals import Refusal

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
MEDIA = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
FILES = {
    file.name: (file.read_bytes(), MEDIA[file.name.rpartition(".")[2]])
    for file in (files("prismgan.web") / "static").iterdir()
    if file.name.rpartition(".")[2] in MEDIA
}


@router.get("/")
def index() -> Response:
    return _answer("index.html")


@router.get("/docs")
def docs() -> Response:
    return _answer("docs.html")


@router.get("/static/{name}")
def static(name: str) -> Response:
    return _answer(name)


def _answer(name: str) -> Response:
    if name not in FILES:
        raise Refusal(404, "the page has no such file")
    content, media = FILES[name]
    # Asked for anew after every update of the package.
    return Response(content, media_type=media, headers={"Cache-Control": "no-cache"})
