"""The application: routes, their guard, and what starts and ends with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from prismgan.web import clip_routes, events, frame_routes, page, picture_routes, render_routes, style_routes
from prismgan.web.guard import Guard
from prismgan.web.limits import Limits
from prismgan.web.refusals import answer_refusals
from prismgan.web.studio import Studio
from prismgan.web.workshop import Workshop

__all__ = ["make_application"]

ENVELOPE = 16_000
"""Bytes of a form around its file."""
SWEEP = 60.0
"""Seconds between two looks for what is too old."""


def make_application(studio: Studio, host: str = "127.0.0.1", limits: Limits | None = None) -> FastAPI:
    """A server's application, as ASGI.

    Args:
        studio: weights, and what renders with them.
        host: the address that the server is bound to.
        limits: how much it takes on.
    """
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
    for module in (page, picture_routes, clip_routes, render_routes, frame_routes, style_routes, events):
        application.include_router(module.router)
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
