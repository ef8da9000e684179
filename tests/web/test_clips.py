"""Uploaded clips: accepted files, results, progress, and deletion of files."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.tiny_server import client_of, finished, send, until, watched

pytest.importorskip("av")

from helpers.broken_files import CLIPS, whole_clips
from helpers.tiny_clips import FRAMES, frames, make_clip, packets
from helpers.tiny_weights import tiny_weights
from prismgan import Renderer
from prismgan.errors import PrismganError
from prismgan.render import Request
from prismgan.render.video import settings as clip_settings
from prismgan.render.video.clip import Reader, open_clip
from prismgan.web import clip_routes, picture_routes
from prismgan.web.limits import Limits


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A clip of 20 frames of 64x48 pixels, with sound."""
    return make_clip(tmp_path_factory.mktemp("clip") / "a.mp4").read_bytes()


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with client_of(Limits(clips_of_a_client=100, clips=200)) as found:
        yield found


def send_clip(client: Any, content: bytes) -> Any:
    """Upload a clip, and return the answer."""
    return client.post("/api/videos", files={"file": ("clip.mp4", content)})


def ask(client: Any, clip: str, **body: Any) -> Any:
    """Request a render, and return the answer."""
    return client.post(f"/api/videos/{clip}/renders", json=body)


def rendered(client: Any, content: bytes, **body: Any) -> dict[str, Any]:
    """Upload a clip, render it, and return the job's final state."""
    return finished(client, ask(client, send_clip(client, content).json()["id"], **body).json())


def left(client: Any) -> list[str]:
    """Files and folders that the server stores apart from pictures."""
    folder = client.app.state.app_state.folder.path
    found = (path.relative_to(folder) for path in folder.rglob("*"))
    return sorted(str(path) for path in found if path.parts[0] not in ("lock", "pictures"))


def test_a_clip_is_taken_and_described(client: Any, content: bytes) -> None:
    answer = send_clip(client, content)
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert (found["width"], found["height"], found["frames"], found["seconds"]) == (64, 48, FRAMES, 0.8)
    assert found["tasks"] == [entry.name for entry in tiny_weights().header.tasks]
    assert client.get("/api/tasks").json()["clips"] == {
        "upload_bytes": 500_000_000,
        "pixels": 9_000_000,
        "seconds": 600,
    }


def test_looks_come_out_as_clips_with_the_sound(client: Any, content: bytes, tmp_path: Path) -> None:
    state = rendered(client, content, tasks=["paint", "fine-2x"], strength={"paint": 0.5}, seed=3, grid=True)
    assert state["state"] == "done", state["error"]
    assert [output["name"] for output in state["outputs"]] == ["paint", "fine-2x", "grid"]
    paint, enlarged, grid = state["outputs"]
    assert (paint["width"], paint["height"], paint["format"]) == (64, 48, "mp4")
    assert (enlarged["width"], enlarged["height"]) == (128, 96)
    assert grid["width"] > 3 * 64
    (tmp_path / "source.mp4").write_bytes(content)
    for output in state["outputs"]:
        answer = client.get(f"/api/renders/{state['id']}/{output['name']}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
        assert answer.headers["cache-control"] == "no-store"
        (tmp_path / "look.mp4").write_bytes(answer.content)
        assert len(frames(tmp_path / "look.mp4")) == FRAMES
        assert packets(tmp_path / "look.mp4", "audio") == packets(tmp_path / "source.mp4", "audio")
        if output is paint:
            first = next(Reader("clip").frames(open_clip(tmp_path / "source.mp4")))
            expected = Renderer(tiny_weights()).render(first.pixels, Request(("paint",), {"paint": 0.5}))["paint"]
            shown = next(Reader("look").frames(open_clip(tmp_path / "look.mp4")))
            assert np.abs(shown.pixels.astype(int) - expected).mean() < 8  # it was encoded


def test_parts_are_fetched_so_that_players_jump(client: Any, content: bytes) -> None:
    state = rendered(client, content, tasks=["paint"])
    place = f"/api/renders/{state['id']}/paint"
    whole = client.get(place).content
    part = client.get(place, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert client.get(place, headers={"Range": "bytes=-50"}).content == whole[-50:]
    assert client.get(place, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416
    head = client.head(place)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(whole)))


def test_a_turned_clip_with_unusual_sound_is_shown_upright(client: Any, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mov", rotation=90, sound="pcm_alaw")
    sent = send_clip(client, clip.read_bytes()).json()
    assert (sent["width"], sent["height"]) == (48, 64)
    state = finished(client, ask(client, sent["id"], tasks=["restore"]).json())
    (output,) = state["outputs"]
    assert (output["width"], output["height"], output["format"]) == (48, 64, "mov")
    assert client.get(f"/api/renders/{state['id']}/restore").headers["content-type"] == "video/quicktime"


def test_progress_and_previews_come_over_the_websocket(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_settings, "EVERY", 0.2)
    with client_of(pause=0.05) as client:
        job = ask(client, send_clip(client, content).json()["id"], tasks=["paint", "restore"]).json()
        states: list[dict[str, Any]] = []
        previews = []
        with watched(client, f"/api/renders/{job['id']}/events") as socket:
            while not states or states[-1]["state"] in ("queued", "running"):
                message = socket.receive()
                if "bytes" in message:
                    previews.append(message["bytes"])
                else:
                    states.append(json.loads(message["text"]))
        assert states[-1]["state"] == "done"
        shares = [state["progress"] for state in states]
        assert shares == sorted(shares)
        assert any(0 < share < 1 for share in shares)
        assert (states[-1]["done"], states[-1]["total"]) == (FRAMES, FRAMES)
        assert len(previews) >= 2
        assert Image.open(io.BytesIO(previews[-1])).format == "JPEG"
        assert client.get(f"/api/renders/{job['id']}/preview").content == previews[-1]


def test_a_render_of_a_clip_is_cancelled_between_two_frames_and_makes_way_for_pictures(content: bytes) -> None:
    with client_of(pause=0.1) as client:
        clip = send_clip(client, content).json()["id"]
        job = ask(client, clip, tasks=["paint"]).json()
        picture = send(client).json()["id"]
        with watched(client, f"/api/renders/{job['id']}/events") as socket:
            while True:
                message = socket.receive()
                if "text" in message and json.loads(message["text"])["done"]:
                    break
            assert client.get(f"/api/renders/{job['id']}/paint").status_code == 409
            quick = client.post(f"/api/pictures/{picture}/renders", json={"tasks": ["restore"]}).json()
            assert finished(client, quick)["state"] == "done"
            assert client.get(f"/api/renders/{job['id']}").json()["state"] == "running"
            assert client.delete(f"/api/renders/{job['id']}").status_code == 204
            while socket.receive()["type"] != "websocket.close":
                pass
        assert client.get(f"/api/renders/{job['id']}").status_code == 404
        until(lambda: left(client) == ["clips", f"clips/{clip}", "renders"])


def test_a_clip_may_be_forgotten_while_it_is_rendered_and_everything_goes(content: bytes) -> None:
    with client_of(pause=0.02) as client:
        clip = send_clip(client, content).json()["id"]
        job = ask(client, clip, tasks=["paint"]).json()
        until(lambda: client.get(f"/api/renders/{job['id']}").json()["done"])
        assert client.delete(f"/api/videos/{clip}").status_code == 204
        assert finished(client, job)["state"] == "done"
        assert left(client) == ["clips", "renders", f"renders/{job['id']}", f"renders/{job['id']}/paint.mp4"]
        assert client.delete(f"/api/renders/{job['id']}").status_code == 204
        assert left(client) == ["clips", "renders"]
        assert client.delete(f"/api/videos/{clip}").status_code == 404
        assert ask(client, clip).status_code == 404
        place = client.app.state.app_state.folder.path
        assert rendered(client, content, tasks=["paint"])["state"] == "done"
    assert not place.exists()


def test_a_clip_that_was_forgotten_before_its_turn_fails_with_a_word(content: bytes) -> None:
    with client_of(pause=0.05) as client:
        first, second = (send_clip(client, content).json()["id"] for _ in range(2))
        jobs = [ask(client, clip, tasks=["paint"]).json() for clip in (first, second)]
        client.delete(f"/api/videos/{second}")
        state = finished(client, jobs[1])
        assert (state["state"], state["error"]) == ("failed", "the clip was removed, or is too old; upload it again")
        assert finished(client, jobs[0])["state"] == "done"


@pytest.mark.parametrize("name", CLIPS)
def test_a_broken_clip_is_refused_in_one_line(
    client: Any, name: str, tmp_path_factory: pytest.TempPathFactory, broken: dict[str, bytes]
) -> None:
    before = left(client)
    answer = send_clip(client, broken[name])
    assert answer.status_code == 415, answer.text
    said = answer.json()["error"]
    assert said.startswith("the clip ")
    assert CLIPS[name][1] in said
    assert "\n" not in said
    assert str(client.app.state.app_state.folder.path) not in said
    assert left(client) == before


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    whole = whole_clips(tmp_path_factory.mktemp("clips"))
    return {name: make(whole) for name, (make, *_) in CLIPS.items()}


def test_a_picture_is_no_clip(client: Any) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (64, 64)).save(picture, "PNG")
    assert send_clip(client, picture.getvalue()).status_code == 415


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(clip_bytes=5000), "bytes"),
        (Limits(clip_pixels=3000), "64x48 pixels, but the limit is 3,000"),
        (Limits(clip_seconds=0.5), "1 seconds and 20 frames"),
        (Limits(clip_frames=10), "20 frames, but the limits are 600 and 10"),
    ],
)
def test_what_is_too_much_is_refused(content: bytes, limits: Limits, words: str) -> None:
    with client_of(limits) as client:
        answer = send_clip(client, content)
        assert answer.status_code == 413, answer.text
        assert words in answer.json()["error"]
        assert left(client) == ["clips"]


def test_a_clip_that_is_longer_than_it_says_is_ended(content: bytes) -> None:
    with client_of() as client:
        clip = send_clip(client, content).json()["id"]
        app_state = client.app.state.app_state
        app_state.limits = Limits(clip_frames=5)
        state = finished(client, ask(client, clip, tasks=["paint"]).json())
        assert state["state"] == "failed"
        assert "more than 5 frames" in state["error"]
        assert left(client) == ["clips", f"clips/{clip}", "renders"]


def test_an_error_names_no_place_on_this_machine(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(clip: Any, folder: Path, *_: Any) -> None:
        raise PrismganError(f"{folder}/segments/paint-00000.mp4: cannot be written (No space left on device)")

    monkeypatch.setattr(clip_routes, "render_clip", full)
    with client_of() as client:
        state = rendered(client, content, tasks=["paint"])
        assert state["state"] == "failed"
        assert "No space left" in state["error"]
        assert str(client.app.state.app_state.folder.path) not in state["error"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"tasks": ["none"]}, 422, "no task is named 'none'"),
        ({"tasks": []}, 422, "no task is named"),
        ({"strength": {"paint": 3}}, 422, "from 0 to 2"),
        ({"seed": -1}, 422, "seed"),
        ({"frames": 5}, 422, "frames"),
        ({"tasks": ["paint"], "blends": {"grid": {"paint": 1}}, "grid": True}, 422, "grid"),
    ],
)
def test_what_cannot_be_rendered_is_refused(
    client: Any, content: bytes, body: dict[str, Any], status: int, words: str
) -> None:
    answer = ask(client, send_clip(client, content).json()["id"], **body)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["error"]


def test_looks_that_would_be_too_large_are_left_out_or_refused(content: bytes) -> None:
    with client_of(Limits(clip_pixels=4 * 64 * 48)) as client:
        sent = send_clip(client, content).json()
        assert "fine-2x" in sent["tasks"]
        assert "fine-4x" not in sent["tasks"]
        answer = ask(client, sent["id"], tasks=["fine-4x"])
        assert answer.status_code == 413
        assert "256x192" in answer.json()["error"]
        assert "prismgan video" in answer.json()["error"]


def test_what_somebody_may_want_to_know_is_said(client: Any, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mkv", height=49, width=65, codec="ffv1", pix_fmt="yuv444p")
    state = rendered(client, clip.read_bytes(), tasks=["paint"])
    assert state["state"] == "done", state["error"]
    assert any("65x49" in remark and "even" in remark for remark in state["remarks"])


def test_results_are_bounded_on_the_disk(content: bytes) -> None:
    with client_of(Limits(clip_result_bytes=10)) as client:
        jobs = [rendered(client, content, tasks=["paint"]) for _ in range(2)]
        client.app.state.app_state.sweep()
        assert [client.get(f"/api/renders/{job['id']}").status_code for job in jobs] == [404, 200]
        assert [name for name in left(client) if name.endswith(".mp4")] == [f"renders/{jobs[1]['id']}/paint.mp4"]


def test_clips_are_bounded_in_number(content: bytes) -> None:
    with client_of(Limits(clips=2, clips_of_a_client=1)) as client:
        ids = [send_clip(client, content).json()["id"] for _ in range(2)]
        assert left(client) == ["clips", f"clips/{ids[1]}"]


def test_without_the_package_clips_are_not_offered(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (clip_routes, picture_routes):
        monkeypatch.setattr(module, "clips_are_read", lambda: False)
    with client_of() as client:
        assert client.get("/api/tasks").json()["clips"] is None
        answer = send_clip(client, content)
        assert answer.status_code == 501
        assert "pip install 'prismgan[video]'" in answer.json()["error"]
