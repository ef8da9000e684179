"""A folder that ``prismgan export --format site`` wrote, as a web server would offer it: nothing else, and no code."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from prismgan.errors import PrismganError
from prismgan.web.guard import HEADERS, Guard
from prismgan.web.limits import Limits
from prismgan.web.site_writer import is_site

__all__ = ["site_application"]

MEDIA = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".svg": "image/svg+xml"}
"""Of files that a browser refuses otherwise; what this machine says of them may be wrong."""
OWN = frozenset({"Content-Security-Policy"})
"""The page has its own, which lets WebAssembly run."""
SITE_HEADERS = {
    **{name: value for name, value in HEADERS.items() if name not in OWN},
    # Threads need it.
    "Cross-Origin-Embedder-Policy": "require-corp",
    # Asked for anew after every export.
    "Cache-Control": "no-cache",
}


def site_application(folder: Path, host: str = "127.0.0.1") -> ASGIApp:
    """The folder's application.

    Args:
        folder: of the site; links out of it are not followed.
        host: the address that the server is bound to.

    Raises:
        PrismganError: it holds no site.
    """
    if not is_site(folder):
        raise PrismganError(
            f"{folder}: {'holds no site of prismgan' if folder.is_dir() else 'no such folder'}; "
            "write a site with prismgan export --format site --out FOLDER"
        )
    for ending, media in MEDIA.items():
        mimetypes.add_type(media, ending)
    site = Starlette(routes=[Mount("/", StaticFiles(directory=folder, html=True))])
    return Guard(site, host, Limits(body_bytes=0), larger={}, headers=SITE_HEADERS)
