"""The server's application (routes, guard, page), the application of a static site, and their serving."""

import asyncio
import mimetypes
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import uvicorn
from fastapi import APIRouter, FastAPI, Response
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from prismgan.errors import PrismganError, reason_of
from prismgan.web import clip_routes, picture_routes, render_routes, style_routes
from prismgan.web.api_errors import ApiError, answer_errors
from prismgan.web.app_state import AppState, Session
from prismgan.web.guard import HEADERS, Guard
from prismgan.web.limits import Limits
from prismgan.web.site_writer import is_site
from prismgan.web.slow_clients import Connection, Events

ENVELOPE = 16_000  # bytes of a form in addition to its file
SWEEP = 60.0  # seconds between two removals of old data


def make_application(session: Session, host: str = "127.0.0.1", limits: Limits | None = None) -> FastAPI:
    limits = limits or Limits()

    @asynccontextmanager
    async def lifespan(application: FastAPI) -> AsyncIterator[None]:
        app_state = application.state.app_state = AppState(session, limits)

        async def sweep() -> None:
            while True:
                await asyncio.sleep(SWEEP)
                await asyncio.to_thread(app_state.sweep)

        sweeping = asyncio.create_task(sweep())
        try:
            yield
        finally:
            sweeping.cancel()
            # Waits for the end of a tile or a step; meanwhile sockets can be notified.
            await asyncio.to_thread(app_state.close)

    application = FastAPI(
        title="prismgan",
        summary="One picture in, several pictures out.",
        description="Upload a picture, render it, follow the progress, fetch the results. See docs/serving.md.",
        openapi_url="/api/openapi.json",
        # FastAPI's pages load scripts from other servers; /docs is our own.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    answer_errors(application)
    own = (picture_routes.router, clip_routes.router, render_routes.router, picture_routes.frames, style_routes.router)
    for router in (*own, page):
        application.include_router(router)
    files = {"/api/pictures": limits.upload_bytes, "/api/videos": limits.clip_bytes, "/api/frames": limits.frame_bytes}
    larger = {path: size + ENVELOPE for path, size in files.items()}
    application.add_middleware(Guard, host=host, limits=limits, larger=larger)
    return application


page = APIRouter(include_in_schema=False)  # its files are read once: no request's path reaches the file system
MEDIA = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES = {
    file.name: (file.read_bytes(), MEDIA[file.suffix])
    for file in (Path(__file__).parent / "static").iterdir()
    if file.suffix in MEDIA
}


@page.get("/static/{name}")
def static(name: str) -> Response:
    if name not in FILES:
        raise ApiError(404, "the page has no such file")
    content, media = FILES[name]
    # Not cached, so that the page is current after an update of the package.
    return Response(content, media_type=media, headers={"Cache-Control": "no-cache"})


page.add_api_route("/", partial(static, "index.html"))
page.add_api_route("/docs", partial(static, "docs.html"))


CONNECTIONS = 256  # at once; further clients get status 503
SHUTDOWN_SECONDS = 3  # for open connections to end


def bound(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = reason_of(error)
        raise PrismganError(f"{host}:{port}: cannot be used ({reason}); try another --port or --host") from None


def serve(application: ASGIApp, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until the process is asked to stop; ``ready`` receives the page's address, with the actual port.
    :class:`PrismganError` if the address does not belong to this machine, or is taken."""
    server = server_of(application)
    with bound(host, port) as listening:
        shown = f"[{host}]" if ":" in host else host
        ready(f"http://{shown}:{listening.getsockname()[1]}")
        server.run(sockets=[listening])


def server_of(application: ASGIApp) -> uvicorn.Server:
    config = uvicorn.Config(
        application,
        http=Connection,
        ws=Events,
        log_level="warning",
        access_log=False,
        server_header=False,
        # Clients are identified by their address, which a header could fake.
        proxy_headers=False,
        ws_max_size=4096,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    return uvicorn.Server(config)


SITE_MEDIA = {**MEDIA, ".mjs": "text/javascript", ".wasm": "application/wasm"}
"""Media types that browsers require; the operating system's table may be wrong."""
SITE_HEADERS = {
    **HEADERS,
    "Cross-Origin-Embedder-Policy": "require-corp",  # threads need it
    "Cache-Control": "no-cache",  # so that a new export is loaded
}
del SITE_HEADERS["Content-Security-Policy"]  # the page has its own, which lets WebAssembly run


def site_application(folder: Path, host: str = "127.0.0.1") -> ASGIApp:
    """The application of a site's folder; links out of it are not followed."""
    if not is_site(folder):
        problem = "does not contain a site of prismgan" if folder.is_dir() else "no such folder"
        raise PrismganError(f"{folder}: {problem}; write a site with prismgan export --format site --out FOLDER")
    for ending, media in SITE_MEDIA.items():
        mimetypes.add_type(media, ending)
    site = Starlette(routes=[Mount("/", StaticFiles(directory=folder, html=True))])
    return Guard(site, host, Limits(body_bytes=0), larger={}, headers=SITE_HEADERS)
