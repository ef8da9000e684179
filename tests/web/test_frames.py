"""Frames of a camera: their outputs are returned immediately, below one another."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.tiny_server import client_of, drawn
from helpers.tiny_weights import tiny_weights
from prismgan import Renderer
from prismgan.render import Request
from prismgan.web.limits import Limits

FRAME = drawn(48, 64, "JPEG")


def sent(client: Any, content: bytes = FRAME, *tasks: str) -> Any:
    return client.post("/api/frames", params={"tasks": list(tasks)}, files={"file": ("frame", content)})


def test_looks_come_below_one_another_in_the_order_asked_for(client: Any) -> None:
    answer = sent(client, FRAME, "varied", "paint")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    sheet = np.asarray(Image.open(io.BytesIO(answer.content))).astype(int)
    looks = Renderer(tiny_weights()).render(np.asarray(Image.open(io.BytesIO(FRAME))), Request(("varied", "paint")))
    assert sheet.shape == (96, 64, 3)
    assert np.abs(sheet - np.concatenate([looks["varied"], looks["paint"]])).mean() < 4  # it is a JPEG


@pytest.mark.parametrize(
    ("content", "tasks", "status", "says"),
    [
        (FRAME, ("nothing",), 422, "nothing"),
        (FRAME, ("paint", "fine-2x"), 422, "enlarge"),
        (FRAME, (), 422, "tasks"),
        (b"no picture", ("paint",), 415, "not a JPEG"),
        (FRAME[:-300], ("paint",), 415, "damaged"),
        (drawn(48, 64, "PNG"), ("paint",), 415, "not a JPEG"),
        (drawn(8, 64, "JPEG"), ("paint",), 422, "at least 16"),
    ],
)
def test_what_cannot_be_done_is_said(
    client: Any, content: bytes, tasks: tuple[str, ...], status: int, says: str
) -> None:
    answer = sent(client, content, *tasks)
    assert answer.status_code == status
    assert says in answer.json()["error"]


def test_a_large_frame_is_refused() -> None:
    with client_of(Limits(quick_pixels=3000, frame_bytes=20_000)) as client:
        assert sent(client, FRAME, "paint").status_code == 413
        assert sent(client, FRAME + bytes(60_000), "paint").status_code == 413
        assert sent(client, drawn(40, 48, "JPEG"), "paint").status_code == 200


def test_nothing_of_it_is_kept(client: Any) -> None:
    app_state = client.app.state.app_state
    before = len(list(app_state.pictures.folder.iterdir())), app_state.queue.waiting
    for _ in range(3):
        assert sent(client, FRAME, "paint").status_code == 200
    assert (len(list(app_state.pictures.folder.iterdir())), app_state.queue.waiting) == before
