"""The application: routes, their guard, what starts and ends with them, and the page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, FastAPI, Response

from prismgan.web import clip_routes, picture_routes, render_routes, style_routes
from prismgan.web.guard import Guard
from prismgan.web.limits import Limits
from prismgan.web.refusals import Refusal, answer_refusals
from prismgan.web.workshop import Studio, Workshop

ENVELOPE = 16_000
"""Bytes of a form around its file."""
SWEEP = 60.0
"""Seconds between two looks for what is too old."""


def make_application(studio: Studio, host: str = "127.0.0.1", limits: Limits | None = None) -> FastAPI:
    limits = limits or Limits()

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        workshop = application.state.workshop = Workshop.opened(studio, limits)
        sweeping = asyncio.create_task(_sweep(workshop))
        try:
            yield
        finally:
            sweeping.cancel()
            # Waits for the end of a tile or a step; meanwhile sockets can be told of it.
            await asyncio.to_thread(workshop.close)

    application = FastAPI(
        title="prismgan",
        summary="One picture in, several pictures out.",
        description="Upload a picture, render it, follow the progress, fetch the results. See docs/serving.md.",
        openapi_url="/api/openapi.json",
        # FastAPI's pages load scripts from elsewhere; /docs is ours.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    answer_refusals(application)
    own = (picture_routes.router, clip_routes.router, render_routes.router, picture_routes.frames, style_routes.router)
    for router in (*own, page):
        application.include_router(router)
    application.add_middleware(
        Guard,
        host=host,
        limits=limits,
        larger={
            "/api/pictures": limits.upload_bytes + ENVELOPE,
            "/api/videos": limits.clip_bytes + ENVELOPE,
            "/api/frames": limits.frame_bytes + ENVELOPE,
        },
    )
    return application


async def _sweep(workshop: Workshop) -> None:
    while True:
        await asyncio.sleep(SWEEP)
        await asyncio.to_thread(workshop.sweep)


# -- the page: a few files that are read once, so that no request's path ever meets the file system ---

page = APIRouter(include_in_schema=False)
MEDIA = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES = {
    file.name: (file.read_bytes(), MEDIA[file.suffix])
    for file in (Path(__file__).parent / "static").iterdir()
    if file.suffix in MEDIA
}


@page.get("/")
def index() -> Response:
    return _answer("index.html")


@page.get("/docs")
def docs() -> Response:
    return _answer("docs.html")


@page.get("/static/{name}")
def static(name: str) -> Response:
    return _answer(name)


def _answer(name: str) -> Response:
    if name not in FILES:
        raise Refusal(404, "the page has no such file")
    content, media = FILES[name]
    # Asked for anew after every update of the package.
    return Response(content, media_type=media, headers={"Cache-Control": "no-cache"})
