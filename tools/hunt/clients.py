"""Many clients of a server on this machine: fast, slow and broken ones, and some that disconnect halfway."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from corpus import Corpus
from files import changed
from isolated import MEMORY
from ledger import Ledger, Trial

__all__ = ["hunt_requests"]

CLIENTS = 12
TIMEOUT = 60.0
"""Timeout of an answer in seconds; the machine is shared with other work."""
PLACES = (
    *(
        "/",
        "/static/main.js",
        "/api/tasks",
        "/api/openapi.json",
        "/api/samples/coffee",
        "/api/nothing",
        "/api/renders/x",
    ),
    *(
        "/api/pictures/..%2f..%2fetc%2fpasswd",
        "/static/%2e%2e/limits.py",
        "/%00",
        "/api/renders/x/y?format=exe",
        "//",
        "/?" + "a" * 3000,
    ),
)
METHODS = ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "BREW", "POST")
GARBAGE = (
    *(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(200), b"GET\r\n\r\n", b"\0" * 500, b"GET / HTTP/9.9\r\n\r\n"),
    *(
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST /api/styles HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    ),
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 90_000 + b"\r\n\r\n",
    b"POST /api/pictures HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nxx",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)
BODIES = (
    *(
        b"{",
        b"[" * 50_000,
        b"null",
        b'{"tasks": ["nothing"]}',
        b'{"tasks": []}',
        b'{"seed": 1e999}',
        b'{"strength": {"restore": "x"}}',
    ),
    *(
        b'{"blends": {"b": {"restore": NaN}}}',
        b'{"picture": "x", "name": "../x"}',
        b"\xff\xfe",
        b'{"seed": ' + b"9" * 5000 + b"}",
    ),
)


class UnansweredError(Exception):
    """A missing or invalid answer."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Load:
    """One server and all its clients."""

    corpus: Corpus
    ledger: Ledger
    seed: int
    port: int
    sent: int = 0
    answered: Counter[int] = field(default_factory=Counter)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    # -- speaking HTTP -----------------------------------------------------------------------------

    async def connect(self, draw: random.Random) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        source = f"127.0.0.{draw.randrange(1, 9)}" if sys.platform == "linux" else "127.0.0.1"
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))

    def request(
        self, method: str, place: str, body: bytes = b"", kind: str = "application/json", **headers: str
    ) -> bytes:
        self.sent += 1
        named = {"Host": self.host, "Content-Length": str(len(body)), "Content-Type": kind, **headers}
        lines = [f"{method} {place} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items() if value)]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def upload(self, place: str, content: bytes) -> bytes:
        body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + content + b"\r\n--x--\r\n"
        return self.request("POST", place, body, "multipart/form-data; boundary=x")

    async def ask(self, stream: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes) -> Answer:
        """Send a request and read the answer.

        Raises:
            UnansweredError: there is no answer in time, or it is a server error.
        """
        reader, writer = stream
        try:
            async with asyncio.timeout(TIMEOUT):
                writer.write(request)
                await writer.drain()
                answer = await _answer(reader, bodiless=request.startswith(b"HEAD"))
        except (OSError, asyncio.IncompleteReadError, ValueError, TimeoutError) as error:
            raise UnansweredError(f"{request[:60]!r}: {error!r}") from None
        self.answered[answer.status] += 1
        if answer.status >= 500:
            raise UnansweredError(f"{request[:60]!r}: {answer.status} {answer.body[:200]!r}")
        return answer

    async def once(self, draw: random.Random, request: bytes) -> Answer:
        stream = await self.connect(draw)
        try:
            return await self.ask(stream, request)
        finally:
            stream[1].close()

    # -- client behaviour --------------------------------------------------------------------------

    async def browse(self, draw: random.Random) -> None:
        """Several requests over one connection."""
        stream = await self.connect(draw)
        try:
            for _ in range(draw.randrange(1, 12)):
                answer = await self.ask(stream, self.request("GET", draw.choice(PLACES)))
                if answer.headers.get("connection") == "close":
                    break
        finally:
            stream[1].close()

    async def render(self, draw: random.Random) -> None:
        """A picture, its outputs, one of them; some clients do not wait for the end."""
        content = next(path for path in self.corpus.pictures if path.name == "a.jpg").read_bytes()
        sent = await self.once(draw, self.upload("/api/pictures", content))
        if sent.status == 429:
            return
        if sent.status != 201:
            raise UnansweredError(f"a good picture is refused: {sent.status} {sent.body[:200]!r}")
        picture = json.loads(sent.body)["id"]
        asked = await self.once(
            draw, self.request("POST", f"/api/pictures/{picture}/renders", b'{"tasks": ["restore"]}')
        )
        if asked.status != 202:
            return
        place, end = f"/api/renders/{json.loads(asked.body)['id']}", time.monotonic() + TIMEOUT
        while draw.random() < 0.9:
            state = await self.once(draw, self.request("GET", place))
            if state.status != 200 or json.loads(state.body)["state"] in ("failed", "cancelled"):
                break
            if json.loads(state.body)["state"] == "done":
                await self.once(draw, self.request("GET", f"{place}/restore?format={draw.choice(('png', 'jpg', 'x'))}"))
                break
            if time.monotonic() > end:
                raise UnansweredError("a small picture is not rendered in time")
            await asyncio.sleep(0.05)
        await self.once(draw, self.request("DELETE", f"/api/pictures/{picture}"))

    async def send_damaged(self, draw: random.Random) -> None:
        """A damaged picture or clip."""
        what = "clips" if draw.random() < 0.1 and self.corpus.clip.is_file() else "pictures"
        whole = draw.choice(self.corpus.files(what))
        place = "/api/videos" if what == "clips" else draw.choice(("/api/pictures", "/api/frames?tasks=restore"))
        await self.once(draw, self.upload(place, changed(whole.read_bytes(), False, draw)))

    async def send_nonsense(self, draw: random.Random) -> None:
        """Invalid JSON, or JSON that makes no sense, with any method."""
        place = draw.choice(("/api/styles", "/api/pictures/x/renders", "/api/videos/x/renders", *PLACES[:6]))
        await self.once(draw, self.request(draw.choice(METHODS), place, draw.choice(BODIES)))

    async def come_from_elsewhere(self, draw: random.Random) -> None:
        """A request with a body from another site's page."""
        strange = draw.choice(
            ({"Host": "evil.example"}, {"Host": f"{self.host}, evil"}, {"Origin": "http://evil.example"})
        )
        body = bytes(draw.choice((0, 10, 100_000, 1_000_000)))
        answer = await self.once(draw, self.request("POST", "/api/pictures", body, **strange))
        if answer.status not in (400, 403):
            raise UnansweredError(f"{strange} is answered by {answer.status}")

    async def leave(self, draw: random.Random) -> None:
        """Half a request, and then silence."""
        whole = self.upload(draw.choice(("/api/pictures", "/api/frames?tasks=restore")), bytes(50_000))
        _, writer = await self.connect(draw)
        try:
            writer.write(whole[: draw.randrange(len(whole))])
            if draw.random() < 0.5:
                await asyncio.sleep(draw.random())
        finally:
            writer.transport.abort()

    async def dawdle(self, draw: random.Random) -> None:
        """A request in small pieces; the server may abandon it."""
        whole = self.request("GET", "/api/tasks") if draw.random() < 0.5 else self.upload("/api/pictures", bytes(300))
        reader, writer = await self.connect(draw)
        try:
            for start in range(0, len(whole), 20):
                writer.write(whole[start : start + 20])
                await asyncio.sleep(0.05)
            async with asyncio.timeout(TIMEOUT):
                self.answered[(await _answer(reader)).status] += 1
        finally:
            writer.close()

    async def babble(self, draw: random.Random) -> None:
        """Bytes that are not HTTP; the server may answer with an error, or disconnect."""
        self.sent += 1
        reader, writer = await self.connect(draw)
        try:
            writer.write(draw.choice(GARBAGE))
            async with asyncio.timeout(TIMEOUT):
                content = await reader.read(1000)
            if content.startswith(b"HTTP/1.1 5"):
                raise UnansweredError(f"nonsense is answered by {content[:60]!r}")
        except OSError:
            pass
        finally:
            writer.close()

    async def watch(self, draw: random.Random) -> None:
        """A WebSocket for a missing job, or one that breaks halfway."""
        key = base64.b64encode(draw.randbytes(16)).decode()
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key,
        }
        reader, writer = await self.connect(draw)
        try:
            writer.write(self.request("GET", "/api/renders/x/events", kind="", **upgrade))
            if draw.random() < 0.5:
                writer.write(draw.randbytes(40))
            async with asyncio.timeout(TIMEOUT):
                if (await reader.read(100)).startswith(b"HTTP/1.1 5"):
                    raise UnansweredError("a WebSocket is answered by 5xx")
        except OSError:
            pass
        finally:
            writer.transport.abort()

    def scenario(self, draw: random.Random) -> Callable[[random.Random], Awaitable[None]]:
        ways = {
            self.browse: 30,
            self.render: 8,
            self.send_damaged: 20,
            self.send_nonsense: 20,
            self.come_from_elsewhere: 8,
            self.leave: 8,
            self.dawdle: 2,
            self.babble: 6,
            self.watch: 4,
        }
        return draw.choices(list(ways), list(ways.values()))[0]


async def _answer(reader: asyncio.StreamReader, bodiless: bool = False) -> Answer:
    while True:
        top = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        if int(top[0].split()[1]) != 100:
            break
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in top[1:] if line)}
    length = 0 if bodiless else int(headers.get("content-length", "0"))
    return Answer(int(top[0].split()[1]), headers, await reader.readexactly(length))


def hunt_requests(corpus: Corpus, ledger: Ledger, seed: int, first: int, seconds: float) -> int:
    """Send requests for the given time; returns the number of scenarios. Afterwards the server ends without leaving
    files."""
    with tempfile.TemporaryDirectory(prefix="prismgan-hunt-") as place, tempfile.TemporaryFile() as said:
        listening = socket.create_server(("127.0.0.1", 0), backlog=300)
        server = _serve(listening, Path(place), said.fileno())
        load = Load(corpus, ledger, seed, listening.getsockname()[1])
        listening.close()
        try:
            number = asyncio.run(_hunt(load, first, seconds))
        finally:
            memory = _most_memory(server)
            os.kill(server, signal.SIGTERM)
            ended = _reap(server)
        said.seek(0)
        words = said.read().decode(errors="replace")
        trial = Trial("requests", seed, number)
        refused = sum(count for status, count in load.answered.items() if status >= 400)
        ledger.note(trial, "refused", count=refused, megabytes=memory)
        ledger.note(trial, "accepted", count=load.sent - refused)
        ledger.row("requests").answered.update(load.answered)
        left = [path.name for path in Path(place).iterdir()]
        for fault in (
            "Traceback" in words and f"the server's log: {words[words.index('Traceback') :][:3000]}",
            ended not in (0, -signal.SIGTERM) and f"the server ends by {ended}: {words[-500:]}",
            left and f"the server leaves {left}",
            memory > 3_000 and f"the server takes {memory} MB",
        ):
            if fault:
                ledger.note(trial, "failed", str(fault))
        return number - first


async def _hunt(load: Load, first: int, seconds: float) -> int:
    end, number = time.monotonic() + seconds, first

    async def client() -> None:
        nonlocal number
        while time.monotonic() < end:
            trial = Trial("requests", load.seed, number)
            number += 1
            draw = random.Random(trial.key)
            way = load.scenario(draw)
            try:
                await way(draw)
            except Exception as error:
                what = f"{way.__name__}: {error!r}" if isinstance(error, UnansweredError) else traceback.format_exc()
                load.ledger.note(trial, "failed", what)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return number


def _serve(listening: socket.socket, temporary: Path, said: int) -> int:
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        import resource

        os.setsid()
        for stream in (1, 2):
            os.dup2(said, stream)
        os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
        with open("/proc/self/statm") as file:  # noqa: PTH123 (not a file)
            taken = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + 2 * MEMORY, taken + 2 * MEMORY))
        from helpers.tiny_weights import tiny_weights
        from prismgan.web.app_state import Session
        from prismgan.web.serving import make_application, server_of

        server_of(make_application(Session(tiny_weights()), "127.0.0.1")).run(sockets=[listening])
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _most_memory(process: int) -> int:
    """Peak memory of a process in megabytes; 0 if the system does not report it, or the process has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024
    except (OSError, StopIteration):
        return 0


def _reap(process: int) -> int:
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return -signal.SIGKILL
