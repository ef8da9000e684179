"""Styles that are learnt while the server runs."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.websockets import WebSocketDisconnect

from helpers.tiny_server import client_of, drawn, finished, send, watched
from helpers.tiny_weights import TASKS
from prismgan.training import head_training
from prismgan.web.limits import Limits
from prismgan.weights import load_weights


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest crops and batches."""
    monkeypatch.setattr(head_training, "CROP", 64)
    monkeypatch.setattr(head_training, "BATCH", 1)
    monkeypatch.setattr(head_training, "LOG_EVERY", 1)


def learn(client: Any, **body: Any) -> Any:
    """Request a style, and return the answer."""
    return client.post("/api/styles", json={"name": "dots", "minutes": 0.02, **body})


def test_a_style_is_learnt_shown_and_offered(tmp_path: Path) -> None:
    with client_of() as client:
        exemplar, photo = (send(client, drawn(96, 128, seed=seed)).json()["id"] for seed in (1, 2))
        answer = learn(client, picture=exemplar, preview=photo)
        assert answer.status_code == 202
        job = answer.json()
        assert (job["kind"], job["name"]) == ("style", "dots")
        again = learn(client, picture=exemplar)
        assert again.status_code == 409
        assert "already" in again.json()["error"]
        # A render runs in between.
        render = client.post(f"/api/pictures/{photo}/renders", json={"tasks": ["restore"]}).json()
        states, previews = [], []
        with watched(client, f"/api/styles/{job['id']}/events") as socket:
            while not states or states[-1]["state"] in ("queued", "running"):
                message = socket.receive()
                if "bytes" in message:
                    previews.append(message["bytes"])
                else:
                    assert "text" in message
                    states.append(json.loads(message["text"]))
        assert states[-1]["state"] == "done", states[-1]["error"]
        assert finished(client, render)["state"] == "done"
        assert len(previews) >= 2
        assert Image.open(io.BytesIO(previews[-1])).size == (128, 96)
        newest = client.get(f"/api/styles/{job['id']}/preview")
        assert newest.headers["content-type"] == "image/jpeg"
        assert newest.content == previews[-1]

        new = client.get("/api/tasks").json()["tasks"][-1]
        assert (new["name"], new["added"], new["kind"]) == ("dots", True, "style")
        render = client.post(f"/api/pictures/{photo}/renders", json={"tasks": ["dots"]}).json()
        assert finished(client, render)["state"] == "done"
        weights = client.get("/api/weights")
        assert "attachment" in weights.headers["content-disposition"]
        (tmp_path / "new.safetensors").write_bytes(weights.content)
        header = load_weights(tmp_path / "new.safetensors").header
        assert [entry.name for entry in header.tasks] == [*TASKS, "dots"]
        assert len(list(client.app.state.app_state.pictures.folder.iterdir())) == 2
        assert learn(client, picture=exemplar).status_code == 409


def test_the_brush_is_taken_and_the_look_that_it_started_from_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    class Recorded(head_training.HeadTraining):
        def _start_as_nearest(self, trained: Any) -> str:
            sizes.append(self.entry.exemplar_size)
            return "paint"

    monkeypatch.setattr("prismgan.web.style_routes.HeadTraining", Recorded)
    with client_of() as client:
        exemplar = send(client, drawn(96, 128)).json()["id"]
        state = finished(client, learn(client, picture=exemplar, size=128).json(), seconds=200)
        assert state["remarks"] == ["started from Paint, the style that is nearest to the picture"]
        assert sizes == [128]
        assert learn(client, picture=exemplar, size=20).status_code == 422


def test_a_training_is_cancelled_between_two_steps() -> None:
    with client_of() as client:
        exemplar = send(client, drawn(96, 128)).json()["id"]
        job = learn(client, picture=exemplar, minutes=10).json()
        with watched(client, f"/api/styles/{job['id']}/events") as socket:
            while "bytes" not in socket.receive():
                pass
            assert client.delete(f"/api/styles/{job['id']}").status_code == 204
            with pytest.raises(WebSocketDisconnect):
                while True:
                    socket.receive_text()
        assert client.get(f"/api/styles/{job['id']}").status_code == 404
        assert [task["name"] for task in client.get("/api/tasks").json()["tasks"]] == list(TASKS)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"picture": "x"}, 404, "no picture"),
        ({"preview": "x"}, 404, "no picture"),
        ({"minutes": 11}, 422, "at most 10"),
        ({"minutes": 0}, 422, "minutes"),
        ({"name": "Dots!"}, 422, "lower-case"),
        ({"name": "../x"}, 422, "lower-case"),
        ({"name": "sheet"}, 422, "another file"),
        ({"name": "paint"}, 409, "already"),
        ({"steps": 5}, 422, "steps"),
    ],
)
def test_what_cannot_be_learnt_is_refused(
    client: Any, picture: str, body: dict[str, Any], status: int, words: str
) -> None:
    answer = learn(client, **{"picture": picture, **body})
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]
    assert ".safetensors" not in answer.text


def test_styles_are_bounded() -> None:
    with client_of(Limits(styles=0)) as client:
        answer = learn(client, picture=send(client).json()["id"])
        assert answer.status_code == 409
        assert "restart the server" in answer.json()["error"]


def test_there_is_no_preview_of_a_style_that_waits() -> None:
    with client_of() as client:
        exemplar = send(client, drawn(96, 128)).json()["id"]
        first, second = (learn(client, picture=exemplar, name=name, minutes=10).json() for name in ("one", "two"))
        assert client.get(f"/api/styles/{second['id']}/preview").status_code == 409
        assert client.get(f"/api/styles/{second['id']}").json()["ahead"] >= 0
        for job in (second, first):
            assert client.delete(f"/api/styles/{job['id']}").status_code == 204
