"""Checks the origin and size of requests, and sets the headers of every response. Other sites' pages can make a browser
send requests to this machine. Therefore the Host header must be one of the server's own names (against DNS rebinding),
and the Origin header, if any, must be our own page."""

import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from prismgan.web.api_errors import ApiError
from prismgan.web.limits import Limits
from prismgan.web.slow_clients import Exchange, too_large

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # addresses that mean all of the machine's
SCHEMES = ("http", "https")  # the latter if a reverse proxy is used
MOST_DIGITS = 18  # maximum digits of a Content-Length
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s\[\]:/?#@,]+)(:\d{1,5})?", re.IGNORECASE)  # a name and a port
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(eq=False)
class Guard:
    """ASGI middleware around everything else."""

    application: ASGIApp
    host: str  # the address that the server is bound to
    limits: Limits
    larger: Mapping[str, int]  # maximum bytes of a body by path, if different from the default limit
    headers: Mapping[str, str] = field(default_factory=lambda: HEADERS)
    _exchanges: set[Exchange] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = self._error(scope) if scope["type"] in ("http", "websocket") else None
        if scope["type"] == "websocket" and error is not None:
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": str(error.detail)[:100]})
            return
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return

        # HEAD works for everything that GET does; uvicorn leaves out the body.
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        client = scope["client"][0] if scope["client"] else ""
        headers = Headers(scope=scope)
        has_body = "transfer-encoding" in headers or headers.get("content-length", "0").strip("0") != ""
        exchange = Exchange(client, self._most(scope), has_body, self.limits, self.headers, receive, send)
        others = sum(other.client == client and other.arriving for other in self._exchanges)
        if error is None and has_body and others >= self.limits.bodies_of_a_client:
            error = ApiError(429, "too many uploads from this address at once; send one file after the other")
        self._exchanges.add(exchange)
        try:
            if error is not None:
                answer = JSONResponse({"error": error.detail}, error.status_code, headers={"Connection": "close"})
                await answer(scope, exchange.receive, exchange.send)
            else:
                await self.application(scope, exchange.receive, exchange.send)
        finally:
            self._exchanges.discard(exchange)

    def _error(self, scope: Scope) -> ApiError | None:
        headers = Headers(scope=scope)
        named = headers.getlist("host")
        if len(named) != 1 or not self._is_own(named[0]):
            return ApiError(400, "Host: is not a name of this server; open it by the address that it printed")
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"{scheme}://{named[0].lower()}" for scheme in SCHEMES}:
            return ApiError(403, "Origin: the request came from another site's page; use the server's own page")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > MOST_DIGITS:
            return ApiError(400, "Content-Length: is not a number")
        if int(length) > self._most(scope):
            return ApiError(413, too_large(self._most(scope)))
        return None

    def _is_own(self, named: str) -> bool:
        parts = HOST.fullmatch(named)
        if parts is None:
            return False
        host = parts[1].lower().strip("[]")
        if host in LOCAL or host == self.host.lower():
            return True
        # A literal IP address cannot be the target of DNS rebinding, and the machine's own name is known.
        if self.host not in EVERYWHERE:
            return False
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return host == socket.gethostname().lower()
        return True

    def _most(self, scope: Scope) -> int:
        return self.larger.get(scope["path"], self.limits.body_bytes)
