"""Clients that send slowly, stay silent, leave, or are refused midway: all others are served meanwhile."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from helpers.browsing import served
from helpers.harmful_files import HARMFUL
from helpers.tiny_server import client_of, drawn, finished, send, until, watched
from helpers.tiny_weights import tiny_weights
from prismgan.web.app_state import Session
from prismgan.web.limits import Limits
from prismgan.web.serving import make_application, server_of
from prismgan.web.slow_clients import Connection

FORM = "multipart/form-data; boundary=x"
BEGIN = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
SECOND_ADDRESS = pytest.mark.skipif(sys.platform != "linux", reason="other systems have one address of loopback")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server with short timeouts."""
    limits = Limits(silence=1.0, pace=100_000, bodies_of_a_client=4)
    with served(server_of(make_application(Session(tiny_weights("restore")), "127.0.0.1", limits))) as found:
        yield found


def connected(address: str, source: str = "127.0.0.1") -> socket.socket:
    place = urlsplit(address)
    return socket.create_connection((place.hostname, place.port), timeout=20, source_address=(source, 0))


def head(address: str, length: int, *, origin: str | None = None) -> bytes:
    """Head of an upload."""
    lines = [f"POST /api/pictures HTTP/1.1\r\nHost: {urlsplit(address).netloc}", f"Content-Length: {length}"]
    lines += [f"Content-Type: {FORM}", *([f"Origin: {origin}"] if origin else [])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def answered(connection: socket.socket) -> tuple[int, Any]:
    """Status and JSON of an answer that ends the connection."""
    content = b""
    while piece := connection.recv(65_536):
        content += piece
    top, _, body = content.partition(b"\r\n\r\n")
    return int(top.split()[1]), json.loads(body)


def seconds_until_served(address: str, source: str = "127.0.0.1") -> float:
    """Seconds until a small picture is accepted."""
    began = time.monotonic()
    transport = httpx2.HTTPTransport(local_address=source)
    with httpx2.Client(base_url=address, transport=transport, timeout=20) as client:
        assert send(client).status_code == 201
    return time.monotonic() - began


@SECOND_ADDRESS
@pytest.mark.parametrize("kind", ["slow uploads", "half a header", "nothing"])
def test_an_address_that_holds_all_connections_is_in_nobodys_way(address: str, kind: str) -> None:
    sent = {
        "slow uploads": head(address, 1_000_000) + BEGIN,
        "half a header": b"GET / HTTP/1.1\r\nHost: 127",
        "nothing": b"",
    }[kind]
    with ExitStack() as stack:
        for _ in range(256):
            stack.enter_context(closing(connected(address))).sendall(sent)
        assert seconds_until_served(address, "127.0.0.2") < 2


def test_silent_connections_are_closed(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "HEAD_SECONDS", 0.3)
    for sent in (b"", b"GET / HTTP/1.1\r\nHost: 127"):
        with closing(connected(address)) as connection:
            connection.sendall(sent)
            began = time.monotonic()
            assert connection.recv(1) == b""
            assert 0.2 < time.monotonic() - began < 5


def test_websockets_whose_clients_send_nonsense_or_leave_before_the_answer_fail_nothing(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade = {"Host": urlsplit(address).netloc, "Connection": "Upgrade", "Upgrade": "websocket"}
    keys = {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    headers = "".join(f"{name}: {value}\r\n" for name, value in {**upgrade, **keys}.items())
    for number in range(60):
        with closing(connected(address)) as connection, suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(f"GET /api/renders/x/events HTTP/1.1\r\n{headers}\r\n".encode())
            time.sleep(0.0001 * (number % 20))
            if number % 3:
                connection.sendall(b"\xff" * 40)
                connection.recv(100)
    with httpx2.Client(base_url=address) as client:
        assert client.get("/api/tasks").status_code == 200
    assert caplog.records == []


def test_a_connection_can_be_used_again(address: str) -> None:
    with httpx2.Client(base_url=address) as client:
        ports = {client.get("/").extensions["network_stream"].get_extra_info("client_addr")[1] for _ in range(3)}
        assert send(client).status_code == 201
    assert len(ports) == 1


@pytest.mark.parametrize("pieces", [0, 100])
def test_a_slow_upload_is_ended_in_words(address: str, pieces: int) -> None:
    with closing(connected(address)) as connection:
        connection.sendall(head(address, 1_000_000) + BEGIN)
        began = time.monotonic()
        for _ in range(pieces):  # ten bytes every tenth of a second: it never stops, and never completes
            connection.sendall(bytes(10))
            time.sleep(0.1)
            connection.setblocking(False)
            try:
                if connection.recv(1, socket.MSG_PEEK):
                    break
            except BlockingIOError:
                pass
            finally:
                connection.settimeout(20)
        status, body = answered(connection)
    assert status == 408
    assert "too slowly" in body["error"]
    assert time.monotonic() - began < 5


def test_more_uploads_at_once_than_one_may_are_refused(address: str) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(closing(connected(address))) for _ in range(5)]
        for connection in slow:
            connection.sendall(head(address, 1_000_000) + BEGIN)
            time.sleep(0.05)
        slow[-1].sendall(bytes(999_000))
        slow[-1].shutdown(socket.SHUT_WR)
        status, body = answered(slow[-1])
    assert status == 429
    assert "one file after the other" in body["error"]


@pytest.mark.parametrize(
    ("length", "origin", "status"), [(5_000_000, "http://evil.example", 403), (40_000_000, None, 413)]
)
def test_a_refusal_is_seen_by_clients_that_send_everything_first(
    address: str, length: int, origin: str | None, status: int
) -> None:
    with closing(connected(address)) as connection:
        connection.sendall(head(address, length, origin=origin))
        for _ in range(length // 100_000):
            connection.sendall(bytes(100_000))
        assert answered(connection)[0] == status


def test_nothing_is_read_of_a_body_whose_rest_does_not_come(address: str) -> None:
    with closing(connected(address)) as connection:
        connection.sendall(head(address, 5_000_000, origin="http://evil.example"))
        began = time.monotonic()
        assert answered(connection)[0] == 403
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("case", ["JPEG of millions of scans", "TIFF of 272,000 pages", "GIF of comments"])
def test_others_are_served_while_a_file_that_is_made_to_harm_is_refused(address: str, case: str) -> None:
    content = HARMFUL[case][0]()
    with httpx2.Client(base_url=address, timeout=60) as client, ThreadPoolExecutor() as pool:
        refused = pool.submit(send, client, content)
        longest = seconds_until_served(address)
        while not refused.done():
            longest = max(longest, seconds_until_served(address))
        assert refused.result().status_code in (415, 422)
    assert longest < 5  # on a busy machine


# -- disconnected clients ------------------------------------------------------------------------


def test_a_render_is_cancelled_when_whoever_followed_it_has_gone() -> None:
    with client_of(Limits(return_seconds=0.3), memory=5_000_000, pause=0.1) as client:
        picture = send(client, drawn(600, 600)).json()["id"]
        job = client.post(f"/api/pictures/{picture}/renders", json={"tasks": ["restore"]}).json()
        with watched(client, f"/api/renders/{job['id']}/events") as socket:
            until(lambda: socket.receive_json()["done"] > 1)
        began = time.monotonic()
        kept = client.app.state.app_state.jobs._jobs[job["id"]]
        until(lambda: kept.is_over)
        assert kept.state == "cancelled"
        assert time.monotonic() - began < 5


def test_a_render_goes_on_while_its_client_asks_for_it() -> None:
    with client_of(Limits(return_seconds=0.5), memory=5_000_000, pause=0.02) as client:
        picture = send(client, drawn(400, 400)).json()["id"]
        job = client.post(f"/api/pictures/{picture}/renders", json={"tasks": ["restore"]}).json()
        with watched(client, f"/api/renders/{job['id']}/events") as socket:
            socket.receive_json()
        assert finished(client, job)["state"] == "done"


def test_a_frame_is_not_rendered_for_a_client_that_has_gone() -> None:
    limits = Limits()
    session = Session(tiny_weights("restore"))
    session.renderer.memory = 5_000_000
    looks, rendered = session.renderer.runtime.outputs, []

    def slowly(*arguments: Any) -> Any:
        rendered.append(1)
        time.sleep(0.1)
        return looks(*arguments)

    session.renderer.runtime.outputs = slowly  # type: ignore[method-assign]
    frame = BEGIN + drawn(900, 900, "JPEG") + b"\r\n--x--\r\n"
    with (
        served(server_of(make_application(session, "127.0.0.1", limits))) as address,
        closing(connected(address)) as connection,
    ):
        place = head(address, len(frame)).replace(b"/api/pictures", b"/api/frames?tasks=restore")
        connection.sendall(place + frame)
        until(lambda: rendered)
        connection.close()
        time.sleep(0.5)
        many = len(rendered)
        time.sleep(0.5)
        assert len(rendered) == many
        assert seconds_until_served(address) < 2
