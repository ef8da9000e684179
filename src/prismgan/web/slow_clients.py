"""Limits on the time of slow clients and on connections per address. Without them a few hundred connections that send
nothing would block the server (a "slow loris" attack)."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import h11
from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from prismgan.web.api_errors import ApiError
from prismgan.web.limits import Limits


@dataclass(eq=False)
class Exchange:
    """One request and its response, between server and application. The body has to keep a minimum pace. If the
    response is sent before the end of the body, the rest of the body is read and discarded: closing a connection with
    unread bytes resets it, and the client would never see the response."""

    client: str
    most: int  # maximum bytes of the body
    arriving: bool  # whether more of the body is expected
    limits: Limits
    headers: Mapping[str, str]  # of the response
    _receive: Receive
    _send: Send
    _received: int = 0
    _waited: float = 0.0
    _too_slow: bool = False

    async def receive(self) -> Message:
        if not self.arriving:
            return await self._receive()
        patience = self.limits.silence + self._received / self.limits.pace - self._waited
        began = time.monotonic()
        try:
            async with asyncio.timeout(min(patience, self.limits.silence)):
                message = await self._next()
        except TimeoutError:
            self._too_slow = True
            raise ApiError(408, "the request arrives too slowly; try again over a faster connection") from None
        finally:
            self._waited += time.monotonic() - began
        if self._received > self.most:
            raise ApiError(413, too_large(self.most))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in self.headers.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
            if self.arriving:
                headers["Connection"] = "close"
        elif self.arriving and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._drain()
            message = {"type": "http.response.body"}
        await self._send(message)

    async def _next(self) -> Message:
        message = await self._receive()
        self._received += len(message.get("body", b""))
        self.arriving = message["type"] == "http.request" and message.get("more_body", False)
        return message

    async def _drain(self) -> None:
        if self._too_slow:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self.limits.silence):
                while self.arriving:
                    await self._next()


def too_large(most: int) -> str:
    return f"the request has more than {most:,} bytes; send a smaller file"


class Connection(H11Protocol):
    """A connection on which the headers of a request have to arrive within :data:`HEAD_SECONDS`. If an address has more
    than :data:`MOST` of them, the one that has sent least for its age is closed."""

    MOST: ClassVar[int] = 64  # connections of one address; WebSockets are counted elsewhere
    HEAD_SECONDS: ClassVar[float] = 10

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._since = self._silent_since = self.loop.time()
        self._bytes = 0
        super().connection_made(transport)
        own = [one for one in self.connections if isinstance(one, Connection) and one._address == self._address]
        if len(own) > self.MOST:
            waiting = [one for one in own if one is not self and one.conn.their_state in (h11.IDLE, h11.SEND_BODY)]
            now = self.loop.time()
            min(waiting, key=lambda one: one._bytes / max(now - one._since, 1.0), default=self)._close()
        self.loop.call_later(self.HEAD_SECONDS, self._close_if_silent)

    def data_received(self, data: bytes) -> None:
        self._bytes += len(data)
        in_headers = self.conn.their_state is h11.IDLE
        super().data_received(data)
        if not in_headers or self.conn.their_state is not h11.IDLE:
            self._silent_since = self.loop.time()

    def on_response_complete(self) -> None:
        self._silent_since = self.loop.time()
        super().on_response_complete()

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""

    def _close_if_silent(self) -> None:
        if self not in self.connections:
            return
        silent = self.loop.time() - self._silent_since
        if self.conn.their_state is h11.IDLE and silent >= self.HEAD_SECONDS:
            self._close()
        else:
            self.loop.call_later(max(self.HEAD_SECONDS - silent, 1.0), self._close_if_silent)

    def _close(self) -> None:
        self.connections.discard(self)
        self.transport.abort()


class Events(WebSocketsSansIOProtocol):
    """A WebSocket whose client may leave or send invalid data before the handshake; uvicorn's own class would fail."""

    def data_received(self, data: bytes) -> None:
        if self.handshake_initiated and not self.handshake_complete:
            self.transport.abort()
        else:
            super().data_received(data)

    async def send(self, message: Any) -> None:
        if self.transport.is_closing():
            raise ClientDisconnected
        await super().send(message)

    def send_500_response(self) -> None:
        if not self.transport.is_closing():
            super().send_500_response()
