"""Requests that the server accepts, and the security headers for browsers."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from helpers.tiny_server import ADDRESS, watched
from helpers.tiny_weights import tiny_weights
from prismgan.web.app_state import Session
from prismgan.web.serving import make_application


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "localhost", "[::1]:8000", "LOCALHOST:1"])
def test_the_servers_own_names_are_served(client: Any, host: str) -> None:
    assert client.get("/api/tasks", headers={"Host": host}).status_code == 200
    own = {"Host": host, "Origin": f"http://{host}"}
    assert client.get("/api/tasks", headers=own).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8000", "localhost.evil.example", "192.168.0.1", "", "[::1", "a@localhost"),
        *(":8000", "127.0.0.1:8123, evil", "127.0.0.1:x", "127.0.0.1:", "localhost/evil", "[::1]evil", "::1"),
    ],
)
def test_other_names_are_refused(client: Any, host: str) -> None:
    answer = client.get("/api/tasks", headers={"Host": host})
    assert answer.status_code == 400
    assert "Host" in answer.json()["error"]
    assert client.get("/", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:8001", "http://127.0.0.1", "file://", "http://["]
)
def test_other_sites_are_refused(client: Any, origin: str) -> None:
    for answer in (
        client.get("/api/tasks", headers={"Origin": origin}),
        client.post("/api/pictures", headers={"Origin": origin}, files={"file": b"x"}),
        client.delete("/api/renders/x", headers={"Origin": origin}),
    ):
        assert answer.status_code == 403
        assert "own page" in answer.json()["error"]


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_websockets_of_others_are_refused(client: Any, headers: dict[str, str]) -> None:
    with (
        pytest.raises(WebSocketDisconnect) as refused,
        watched(client, "/api/renders/x/events", headers=headers),
    ):
        pass
    assert refused.value.code == 1008


def test_a_server_of_all_addresses_is_asked_by_address_or_its_own_name() -> None:
    application = make_application(Session(tiny_weights("restore")), "0.0.0.0")
    with TestClient(application, ADDRESS) as client:
        assert client.get("/api/tasks", headers={"Host": "192.168.0.1:8000"}).status_code == 200
        assert client.get("/api/tasks", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("path", ["/", "/api/tasks", "/api/nothing", "/api/samples/coffee"])
def test_browsers_are_told_what_to_refuse(client: Any, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == ("no-cache" if path == "/" else "no-store")
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("length", ["-1", "x", "9" * 5000, "1e3"])
def test_a_length_that_is_none_is_refused(client: Any, length: str) -> None:
    answer = client.post("/api/pictures", content=b"x", headers={"Content-Length": length})
    assert answer.status_code == 400


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/api/tasks", "/api/samples/coffee", "/api/nothing"])
def test_what_can_be_got_can_be_asked_for_without_its_body(client: Any, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers == got.headers


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "PATCH", "TRACE", "BREW", "CONNECT"])
@pytest.mark.parametrize("path", ["/", "/api/tasks", "/api/pictures", "/api/videos/x/renders", "/api/openapi.json"])
def test_odd_methods_are_refused_in_one_line(client: Any, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"]
    assert f"{method} is not possible here" in answer.json()["error"]
