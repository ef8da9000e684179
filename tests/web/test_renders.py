"""Renders: their results, errors, progress over the WebSocket, and cancelling."""

from __future__ import annotations

import io
import threading
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.websockets import WebSocketDisconnect

from helpers.tiny_server import client_of, drawn, finished, send, until, watched
from helpers.tiny_weights import TASKS, tiny_weights
from prismgan import Renderer
from prismgan.render import Request
from prismgan.web.limits import Limits


def ask(client: Any, picture: str, **body: Any) -> Any:
    """Request a render, and return the answer."""
    return client.post(f"/api/pictures/{picture}/renders", json=body)


def fetched(client: Any, job: dict[str, Any], output: str, kind: str = "png") -> np.ndarray[Any, Any]:
    """Pixels of an output."""
    answer = client.get(f"/api/renders/{job['id']}/{output}?format={kind}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_all_looks_come_out_as_the_renderer_makes_them(client: Any, picture: str) -> None:
    answer = ask(client, picture)
    assert answer.status_code == 202
    job = answer.json()
    assert [output["name"] for output in job["outputs"]] == list(TASKS)
    state = finished(client, job)
    assert (state["state"], state["progress"], state["error"]) == ("done", 1.0, None)
    expected = Renderer(tiny_weights()).render(np.asarray(Image.open(io.BytesIO(drawn()))))
    for output in state["outputs"]:
        pixels = fetched(client, job, output["name"])
        assert pixels.shape == (output["height"], output["width"], 3)
        assert np.array_equal(pixels, expected[output["name"]])


def test_strengths_blends_and_seeds_do_what_the_renderer_does(client: Any, picture: str) -> None:
    body = {
        "tasks": ["paint", "varied"],
        "strength": {"paint": 0.5, "dusk": 1.5},
        "blends": {"dusk": {"paint": 1, "drawn": 3}},
        "seed": 5,
    }
    job = ask(client, picture, **body).json()
    assert finished(client, job)["state"] == "done"
    request = Request(("paint", "varied"), body["strength"], body["blends"], (5,))
    expected = Renderer(tiny_weights()).render(np.asarray(Image.open(io.BytesIO(drawn()))), request)
    assert {output["name"] for output in job["outputs"]} == set(expected) == {"paint", "varied", "dusk"}
    for name, pixels in expected.items():
        assert np.array_equal(fetched(client, job, name), pixels)


def test_the_brush_is_passed_on(client: Any, picture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    brushes = []
    render = Renderer.render

    def recorded(self: Renderer, pixels: Any, request: Request, **named: Any) -> Any:
        brushes.append(request.brush)
        return render(self, pixels, request, **named)

    monkeypatch.setattr(Renderer, "render", recorded)
    for body in ({"brush": 256}, {}):
        assert finished(client, ask(client, picture, tasks=["paint"], **body).json())["state"] == "done"
    assert brushes == [256, None]


def test_jpeg_and_transparency(client: Any) -> None:
    picture = send(client, drawn(mode="RGBA")).json()["id"]
    job = ask(client, picture, tasks=["restore", "fine-2x"]).json()
    finished(client, job)
    assert fetched(client, job, "restore").shape == (40, 48, 4)
    assert fetched(client, job, "fine-2x").shape == (80, 96, 4)
    assert fetched(client, job, "fine-2x", "jpg").shape == (80, 96, 3)
    assert client.get(f"/api/renders/{job['id']}/restore?format=tiff").status_code == 422


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown task": ({"tasks": ["restor"]}, "did you mean 'restore'?"),
    "no task": ({"tasks": []}, "no task"),
    "strength too large": ({"strength": {"paint": 3}}, "0 to 2"),
    "strength of a task that is not asked for": ({"tasks": ["paint"], "strength": {"restore": 1}}, "not requested"),
    "blend of two scales": ({"blends": {"both": {"paint": 1, "fine-2x": 1}}}, "the same scale"),
    "bad name of a blend": ({"blends": {"../up": {"paint": 1}}}, "letters"),
    "too many blends": ({"blends": {f"b{n}": {"paint": 1} for n in range(9)}}, "9 are requested"),
    "brush that is too small": ({"brush": 20}, "brush"),
    "negative seed": ({"seed": -1}, "seed"),
    "seed that is no number": ({"seed": "x"}, "seed"),
    "tasks that are no list": ({"tasks": "restore"}, "tasks"),
    "unknown field": ({"colour": "red"}, "colour"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_makes_no_sense_is_refused_in_one_line(client: Any, picture: str, case: str) -> None:
    body, words = REFUSED[case]
    answer = ask(client, picture, **body)
    assert answer.status_code == 422, answer.text
    assert list(answer.json()) == ["error"]
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 422), (b'{"seed": NaN}', 422), (b"\xff", 400), (b'{"strength": {"paint": 1e999}}', 422)],
)
def test_a_body_that_is_no_json_object_is_refused(client: Any, picture: str, body: bytes, status: int) -> None:
    place = f"/api/pictures/{picture}/renders"
    answer = client.post(place, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]


def test_what_is_not_there_is_not_found(client: Any, picture: str) -> None:
    job = ask(client, picture, tasks=["restore"]).json()
    finished(client, job)
    for place in ("/api/renders/x", "/api/renders/x/restore", f"/api/renders/{job['id']}/paint"):
        assert client.get(place).status_code == 404
    assert client.get(f"/api/styles/{job['id']}").status_code == 404
    assert ask(client, "x").status_code == 404
    assert client.delete("/api/renders/x").status_code == 404


def test_looks_that_would_be_too_large_are_left_out_or_refused() -> None:
    with client_of(Limits(output_pixels=10_000)) as client:
        body = send(client).json()
        assert body["tasks"] == [name for name in TASKS if not name.endswith("4x")]
        job = ask(client, body["id"]).json()
        assert [output["name"] for output in job["outputs"]] == body["tasks"]
        answer = ask(client, body["id"], tasks=["fine-4x"])
        assert answer.status_code == 413
        assert "192x160" in answer.json()["error"]
        assert client.get(f"/api/pictures/{body['id']}?scale=4").status_code == 413


def test_progress_moves_over_the_websocket() -> None:
    with client_of(memory=5_000_000, pause=0.15) as client:
        picture = send(client, drawn(400, 400)).json()["id"]
        job = ask(client, picture, tasks=["restore"]).json()
        states = []
        with watched(client, f"/api/renders/{job['id']}/events") as socket:
            while not states or states[-1]["state"] != "done":
                states.append(socket.receive_json())
            with pytest.raises(WebSocketDisconnect) as ended:
                socket.receive_json()
        assert ended.value.code == 1000
        assert states[-1]["progress"] == 1
        shares = [state["progress"] for state in states]
        assert shares == sorted(shares)
        assert any(0 < share < 1 for share in shares)
        assert states[-1]["total"] > 4


def test_looks_are_ready_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    with client_of() as client:
        runtime = client.app.state.app_state.session.renderer.runtime
        looks, go_on = runtime.outputs, threading.Semaphore(1)

        def held(*arguments: Any) -> Any:
            for look in looks(*arguments):
                assert go_on.acquire(timeout=60)
                yield look

        monkeypatch.setattr(runtime, "outputs", held)
        job = ask(client, send(client).json()["id"], tasks=["paint", "restore"]).json()
        place = f"/api/renders/{job['id']}"

        def ready() -> list[bool]:
            return [output["ready"] for output in client.get(place).json()["outputs"]]

        until(lambda: ready() == [True, False])
        assert client.get(place).json()["progress"] == 0.5
        expected = Renderer(tiny_weights()).render(np.asarray(Image.open(io.BytesIO(drawn()))), Request(("paint",)))
        assert np.array_equal(fetched(client, job, "paint"), expected["paint"])
        assert client.get(f"{place}/restore").status_code == 409
        go_on.release()
        assert finished(client, job)["state"] == "done"
        assert ready() == [True, True]


def test_a_part_and_a_reduced_picture_are_rendered(client: Any) -> None:
    picture = send(client, drawn(60, 90)).json()["id"]
    source = Image.open(io.BytesIO(drawn(60, 90)))
    cut = np.asarray(source.crop((10, 20, 50, 60)))
    job = ask(client, picture, tasks=["paint", "fine-2x"], crop=[10, 20, 40, 40]).json()
    assert finished(client, job)["state"] == "done"
    for name, look in Renderer(tiny_weights()).render(cut, Request(("paint", "fine-2x"))).items():
        assert np.array_equal(fetched(client, job, name), look)
    content = client.get(f"/api/pictures/{picture}?crop=10,20,40,40").content
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), cut)
    job = ask(client, picture, tasks=["fine-2x"], side=30).json()
    assert [(one["width"], one["height"]) for one in job["outputs"]] == [(60, 40)]
    finished(client, job)
    reduced = np.asarray(Image.open(io.BytesIO(client.get(f"/api/pictures/{picture}?side=30").content)))
    look = Renderer(tiny_weights()).render(reduced, Request(("fine-2x",)))["fine-2x"]
    assert np.array_equal(fetched(client, job, "fine-2x"), look)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"crop": [10, 20, 60, 40]}, "beyond the picture, which has 48x40"),
        ({"crop": [10, 20, 16, 15]}, "at least 16"),
        ({"crop": [1, 2, 3]}, "crop"),
        ({"crop": [-1, 0, 20, 20]}, "crop"),
        ({"side": 17}, "at least 16"),
        ({"side": 0}, "side"),
    ],
)
def test_a_part_that_is_not_there_is_refused(client: Any, picture: str, part: dict[str, Any], says: str) -> None:
    answer = ask(client, picture, **part)
    assert answer.status_code == 422
    assert says in answer.json()["error"]


def test_the_websocket_of_nothing_is_closed(client: Any) -> None:
    with watched(client, "/api/renders/x/events") as socket, pytest.raises(WebSocketDisconnect) as ended:
        socket.receive_json()
    assert ended.value.code == 4404


def test_who_leaves_the_websocket_is_forgotten(client: Any, picture: str) -> None:
    app_state = client.app.state.app_state
    job = ask(client, picture, tasks=["restore"]).json()
    with watched(client, f"/api/renders/{job['id']}/events") as socket:
        socket.receive_json()
    until(lambda: app_state.watchers == 0)


def test_too_many_watchers_are_sent_away() -> None:
    with client_of(Limits(watchers=0)) as client:
        job = ask(client, send(client).json()["id"], tasks=["restore"]).json()
        place = f"/api/renders/{job['id']}/events"
        with watched(client, place) as socket, pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_json()
        assert ended.value.code == 1013
        assert finished(client, job)["state"] == "done"


def test_a_render_is_cancelled_between_two_tiles() -> None:
    with client_of(memory=5_000_000, pause=0.15) as client:
        picture = send(client, drawn(400, 400)).json()["id"]
        job = ask(client, picture, tasks=["restore"]).json()
        with watched(client, f"/api/renders/{job['id']}/events") as socket:
            while not (state := socket.receive_json())["progress"]:
                pass
            assert 0 < state["progress"] < 1
            answer = client.get(f"/api/renders/{job['id']}/restore")
            assert answer.status_code == 409
            assert "running" in answer.json()["error"]
            assert client.delete(f"/api/renders/{job['id']}").status_code == 204
            while state["state"] != "cancelled":
                state = socket.receive_json()
        assert state["progress"] < 1
        assert client.get(f"/api/renders/{job['id']}").status_code == 404
        # The queue is free again.
        other = ask(client, send(client).json()["id"], tasks=["restore"]).json()
        assert finished(client, other)["state"] == "done"


def test_a_render_of_a_picture_that_was_removed_fails_with_a_word() -> None:
    with client_of() as client:
        app_state = client.app.state.app_state
        picture = send(client).json()["id"]
        app_state.pictures.get(picture).path.unlink()
        job = ask(client, picture, tasks=["restore"]).json()
        state = finished(client, job)
        assert state["state"] == "failed"
        assert "upload it again" in state["error"]
        assert client.get(f"/api/renders/{job['id']}/restore").status_code == 409


def test_old_results_are_forgotten() -> None:
    with client_of(Limits(result_bytes=10_000)) as client:
        picture = send(client).json()["id"]
        jobs = []
        for _ in range(3):
            jobs.append(ask(client, picture, tasks=["restore"]).json())
            finished(client, jobs[-1])
        client.app.state.app_state.sweep()
        assert [client.get(f"/api/renders/{job['id']}").status_code for job in jobs] == [404, 404, 200]


def test_the_interface_is_documented(client: Any) -> None:
    described = client.get("/api/openapi.json").json()
    assert {"/api/tasks", "/api/pictures", "/api/pictures/{picture}/renders", "/api/styles"} <= set(described["paths"])
    for path, operations in described["paths"].items():
        for verb, operation in operations.items():
            assert operation.get("description"), (path, verb)
