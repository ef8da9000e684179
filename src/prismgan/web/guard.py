"""Who may speak to the server, how much may be sent, and what every answer tells the browser to refuse.

A web page of a stranger can make the browser send requests to this machine. So the Host header must be one of the
server's own names, against names of strangers that are made to lead here ("DNS rebinding"), and where a browser says
which page it asks for, it must be our own.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prismgan.web.refusals import Refusal

__all__ = ["HEADERS", "Guard"]

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
EVERYWHERE = frozenset({"0.0.0.0", "::", ""})
"""Addresses that mean all of the machine's."""
SCHEMES = ("http", "https")
"""The second where another server stands in front."""
MOST_DIGITS = 18
"""Of a length that is worth reading."""
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


class Guard:
    """ASGI middleware around everything else.

    Args:
        application: what is guarded.
        host: the address that the server is bound to.
        body_bytes: most bytes of a body.
        larger: other numbers, by path.
        headers: of every answer.
    """

    def __init__(
        self,
        application: ASGIApp,
        host: str,
        body_bytes: int,
        larger: Mapping[str, int],
        headers: Mapping[str, str] = HEADERS,
    ) -> None:
        self.application, self.host, self.headers = application, host, headers
        self.body_bytes, self.larger = body_bytes, larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.application(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal is None:
                await self.application(scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": str(refusal.detail)[:100]})
            return

        # Whatever can be got can be asked for without its body.
        bodiless = scope["method"] == "HEAD"
        if bodiless:
            scope = {**scope, "method": "GET"}

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            elif bodiless:
                message = {**message, "body": b""}
            await send(message)

        if refusal is not None:
            answer = JSONResponse({"error": refusal.detail}, refusal.status_code, headers={"Connection": "close"})
            await answer(scope, receive, shielded)
        else:
            await self.application(scope, self._counted(scope, receive), shielded)

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        named = headers.getlist("host")
        if len(named) != 1 or not self._is_own(named[0]):
            return Refusal(400, "Host: is not a name of this server; open it by the address that it printed")
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"{scheme}://{named[0].lower()}" for scheme in SCHEMES}:
            return Refusal(403, "Origin: another site's page asked for this; use the server's own page")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > MOST_DIGITS:
            return Refusal(400, "Content-Length: is no number")
        return self._too_large(scope) if int(length) > self._most(scope) else None

    def _is_own(self, named: str) -> bool:
        try:
            host = urlsplit(f"//{named}").hostname or ""
        except ValueError:
            return False
        if "@" in named or not host:
            return False
        if host in LOCAL or host == self.host.lower():
            return True
        # Bound to all addresses: an address is nobody's trick, and the machine's own name is known.
        return self.host in EVERYWHERE and (_is_address(host) or host == socket.gethostname().lower())

    def _most(self, scope: Scope) -> int:
        return self.larger.get(scope["path"], self.body_bytes)

    def _too_large(self, scope: Scope) -> Refusal:
        return Refusal(413, f"the request has more than {self._most(scope):,} bytes; send a smaller file")

    def _counted(self, scope: Scope, receive: Receive) -> Receive:
        """Ends a body that is longer than it said, or that did not say."""
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._most(scope):
                raise self._too_large(scope)
            return message

        return counted


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
