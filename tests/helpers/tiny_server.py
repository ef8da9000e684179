"""A server in this process with tiny weights, pictures to send to it, and functions that wait for its results."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from fastapi.testclient import TestClient
from PIL import Image

from helpers.tiny_weights import tiny_weights
from prismgan.web.app_state import Session
from prismgan.web.limits import Limits
from prismgan.web.serving import make_application

__all__ = ["ADDRESS", "client_of", "drawn", "finished", "send", "until", "watched"]

ADDRESS = "http://127.0.0.1:8000"


def drawn(height: int = 40, width: int = 48, kind: str = "PNG", seed: int = 0, mode: str = "RGB", **save: Any) -> bytes:
    """A picture file with smooth random colours."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    content = io.BytesIO()
    picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).convert(mode)
    picture.save(content, kind, **save)
    return content.getvalue()


def until(true: Callable[[], Any], seconds: float = 180) -> Any:
    """The first true value that it returns."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)
    return found


def client_of(limits: Limits | None = None, *, memory: int | None = None, pause: float = 0) -> TestClient:
    """A client of a new server, as a context manager.

    Args:
        limits: of the server.
        memory: of the renderer; with little of it pictures are cut into tiles.
        pause: additional seconds per tile.
    """
    session = Session(tiny_weights())
    session.renderer.memory = memory
    looks = session.renderer.runtime.outputs

    def slowly(*arguments: Any) -> Any:
        time.sleep(pause)
        return looks(*arguments)

    session.renderer.runtime.outputs = slowly  # type: ignore[method-assign]
    return TestClient(make_application(session, limits=limits), ADDRESS, client=("10.0.0.1", 50000))


def send(client: TestClient, content: bytes | None = None, name: str = "photo.png") -> Any:
    """Upload a picture, and return the answer."""
    return client.post("/api/pictures", files={"file": (name, drawn() if content is None else content)})


def finished(client: TestClient, job: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
    """The job's final state."""
    place = f"/api/{job['kind']}s/{job['id']}"

    def over() -> dict[str, Any] | None:
        state: dict[str, Any] = client.get(place).json()
        return state if state["state"] in ("done", "failed", "cancelled") else None

    found: dict[str, Any] = until(over, seconds)
    return found


def watched(client: TestClient, place: str, headers: dict[str, str] | None = None) -> Any:
    """A WebSocket to this path, as a context manager; the client's own address does not apply to those."""
    return client.websocket_connect(ADDRESS.replace("http", "ws") + place, headers=dict(headers or {}))
