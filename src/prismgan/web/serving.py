"""Serving: an address that is bound before anything is said, and an end without a trace. What is served is the
application, or the folder of a static site: as any web server would offer that, and no code.
"""

from __future__ import annotations

import mimetypes
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from prismgan.errors import PrismganError
from prismgan.web.guard import HEADERS, Guard
from prismgan.web.limits import Limits
from prismgan.web.site_writer import is_site
from prismgan.web.slow_clients import Connection, Events

CONNECTIONS = 256
"""At once; beyond, clients are told to come back later."""
PATIENCE = 3
"""Seconds that open connections have at the end."""


def bound(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PrismganError(f"{host}:{port}: cannot be served at ({reason}); try another --port or --host") from None


def serve(application: ASGIApp, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until the process is asked to end.

    Args:
        port: 0 for any that is free.
        ready: told the page's address.

    Raises:
        PrismganError: the address is none of this machine's, or taken.
    """
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
        # Clients are told apart by their address, which a header could make up.
        proxy_headers=False,
        ws_max_size=4096,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=PATIENCE,
    )
    return uvicorn.Server(config)


MEDIA = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".svg": "image/svg+xml"}
"""Of files that a browser refuses otherwise; what this machine says of them may be wrong."""
SITE_HEADERS = {
    **HEADERS,
    "Cross-Origin-Embedder-Policy": "require-corp",  # threads need it
    "Cache-Control": "no-cache",  # asked for anew after every export
}
del SITE_HEADERS["Content-Security-Policy"]  # the page has its own, which lets WebAssembly run


def site_application(folder: Path, host: str = "127.0.0.1") -> ASGIApp:
    """The application of a site's folder; links out of it are not followed."""
    if not is_site(folder):
        raise PrismganError(
            f"{folder}: {'holds no site of prismgan' if folder.is_dir() else 'no such folder'}; "
            "write a site with prismgan export --format site --out FOLDER"
        )
    for ending, media in MEDIA.items():
        mimetypes.add_type(media, ending)
    site = Starlette(routes=[Mount("/", StaticFiles(directory=folder, html=True))])
    return Guard(site, host, Limits(body_bytes=0), larger={}, headers=SITE_HEADERS)
