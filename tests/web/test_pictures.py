"""Uploaded pictures: accepted and refused ones, and deletion of their files."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import UploadFile
from PIL import Image

from helpers.tiny_server import client_of, drawn, send
from helpers.tiny_weights import TASKS
from prismgan.web.limits import Limits
from prismgan.web.uploads import SentPicture, Uploads


def as_sent(content: bytes) -> UploadFile:
    return UploadFile(io.BytesIO(content), size=len(content))


def folder(client: Any) -> Path:
    """The folder of the server's pictures."""
    return client.app.state.app_state.pictures.folder


def test_the_looks_are_listed(client: Any) -> None:
    answer = client.get("/api/tasks").json()
    assert [task["name"] for task in answer["tasks"]] == list(TASKS)
    by_name = {task["name"]: task for task in answer["tasks"]}
    assert by_name["fine-4x"] == {
        "name": "fine-4x",
        "title": "Fine 4x",
        "kind": "any",
        "scale": 4,
        "fine": True,
        "varies": False,
        "added": False,
    }
    assert by_name["varied"]["varies"]
    assert [one["name"] for one in answer["samples"]] == ["coffee", "chelsea", "rocket", "small-and-noisy"]
    assert all(one["title"] for one in answer["samples"])


@pytest.mark.parametrize(("kind", "save"), [("PNG", {}), ("JPEG", {}), ("WEBP", {}), ("TIFF", {}), ("BMP", {})])
def test_a_picture_is_kept_and_comes_back_as_it_was(client: Any, kind: str, save: dict[str, Any]) -> None:
    content = drawn(kind=kind, **save)
    answer = send(client, content)
    assert answer.status_code == 201
    body = answer.json()
    assert (body["width"], body["height"], body["tasks"]) == (48, 40, list(TASKS))
    back = client.get(f"/api/pictures/{body['id']}")
    assert back.headers["content-type"] == "image/png"
    assert back.headers["cache-control"] == "no-store"
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(back.content))), expected)


def test_a_picture_is_turned_the_right_way_up(client: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    body = send(client, drawn(kind="JPEG", exif=exif)).json()
    assert (body["width"], body["height"]) == (40, 48)
    back = Image.open(io.BytesIO(client.get(f"/api/pictures/{body['id']}?format=jpg").content))
    assert (back.format, back.size) == ("JPEG", (40, 48))


def test_a_picture_is_enlarged_for_mixing(client: Any, picture: str) -> None:
    back = client.get(f"/api/pictures/{picture}?scale=2")
    assert Image.open(io.BytesIO(back.content)).size == (96, 80)
    assert client.get(f"/api/pictures/{picture}?scale=3").status_code == 422
    assert client.get(f"/api/pictures/{picture}?format=gif").status_code == 422


@pytest.mark.parametrize("name", ["chelsea", "coffee"])
def test_samples_can_be_sent_back(client: Any, name: str) -> None:
    answer = client.get(f"/api/samples/{name}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert send(client, answer.content).status_code == 201


BROKEN = {
    "empty": (b"", 415, "empty file"),
    "text": (b"no picture", 415, "not a picture"),
    "html": (b"<html><body>no</body></html>", 415, "web page"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "SVG"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 415, "PostScript"),
    "unusual format": (drawn(kind="PPM"), 415, "PPM"),
    "truncated": (drawn(200, 200)[:-400], 422, "damaged"),
    "tiny": (drawn(8, 40), 422, "the picture is 40x8 pixels; each side must have at least 16"),
    "animated": (
        drawn(kind="GIF", save_all=True, append_images=[Image.new("RGB", (48, 40), "red")]),
        *(422, "the picture is animated; save one frame as a picture"),
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_picture_is_refused_in_one_line(client: Any, case: str) -> None:
    content, status, words = BROKEN[case]
    before = sorted(folder(client).iterdir())
    answer = send(client, content)
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    assert words in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert str(folder(client)) not in answer.text
    assert sorted(folder(client).iterdir()) == before


def test_too_many_bytes_are_refused_whether_they_are_announced_or_not() -> None:
    with client_of(Limits(upload_bytes=5000)) as client:
        assert send(client, bytes(30_000)).status_code == 413
        assert send(client, bytes(6000)).status_code == 413  # within what a form may add

        def pieces() -> Any:
            yield b"--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n"
            for _ in range(50):
                yield bytes(1000)

        answer = client.post(
            "/api/pictures", content=pieces(), headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
        assert answer.status_code == 413
        assert "bytes" in answer.json()["error"]
        answer = client.post("/api/styles", json={"picture": "x" * 100_000, "name": "a"})
        assert answer.status_code == 413
        assert list(folder(client).iterdir()) == []


def test_too_many_pixels_are_refused_before_they_are_decoded() -> None:
    with client_of(Limits(pixels=1000)) as client:
        answer = send(client)
        assert answer.status_code == 413
        assert "1,920 pixels" in answer.json()["error"]


def test_a_bomb_is_refused_by_its_header() -> None:
    """A few hundred bytes that claim 40,000 x 40,000 pixels."""
    content = drawn()
    bomb = content[:16] + (40_000).to_bytes(4, "big") * 2 + content[24:]
    with client_of() as client:
        assert send(client, bomb).status_code in (413, 415)  # its checksum is wrong as well


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "..\\x.png", "a\0b.png", "\u202e.png", "x" * 5000, "", "con"]
)
def test_the_clients_file_name_is_never_used(client: Any, name: str) -> None:
    before = set(folder(client).iterdir())
    answer = send(client, name=name)
    new = set(folder(client).iterdir()) - before
    if answer.status_code == 201:
        assert {path.name for path in new} == {answer.json()["id"]}
        assert re.fullmatch(r"[\w-]{20,}", answer.json()["id"])
    else:
        assert answer.status_code in (400, 422)
        assert not new


@pytest.mark.parametrize(
    "path",
    [
        *("/api/pictures/..%2f..%2fetc%2fpasswd", "/api/pictures/%2e%2e", "/api/pictures/x"),
        *("/static/..%2f__init__.py", "/static/%2e%2e/limits.py", "/static//etc/passwd", "/static/nothing.js"),
        *("/api/samples/astronaut", "/api/samples/..%2fcoffee", "/redoc", "/api/nothing"),
    ],
)
def test_no_path_leads_to_a_file(client: Any, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert list(answer.json()) == ["error"]


def test_a_picture_can_be_forgotten(client: Any, picture: str) -> None:
    assert (folder(client) / picture).is_file()
    assert client.delete(f"/api/pictures/{picture}").status_code == 204
    assert not (folder(client) / picture).exists()
    assert client.delete(f"/api/pictures/{picture}").status_code == 404
    assert client.get(f"/api/pictures/{picture}").status_code == 404


def test_pictures_are_bounded_in_number() -> None:
    with client_of(Limits(pictures=3, pictures_of_a_client=2)) as client:
        first, second, third = (send(client).json()["id"] for _ in range(3))
        assert client.get(f"/api/pictures/{first}").status_code == 404
        assert client.get(f"/api/pictures/{second}").status_code == 200
        pictures: Uploads[SentPicture] = client.app.state.app_state.pictures
        pictures.add("10.0.0.2", as_sent(drawn()))
        assert {path.name for path in folder(client).iterdir()} > {second, third}
        pictures.most_of_a_client = 8
        answer = send(client)
        assert answer.status_code == 429
        assert len(list(folder(client).iterdir())) == 3


def test_the_oldest_picture_that_nobody_uses_makes_room_for_another_clients() -> None:
    with client_of(Limits(pictures=3, pictures_of_a_client=2, idle_seconds=0), memory=5_000_000, pause=0.2) as client:
        pictures: Uploads[SentPicture] = client.app.state.app_state.pictures
        awaited, abandoned = (send(client, drawn(400, 400)).json()["id"] for _ in range(2))
        client.post(f"/api/pictures/{awaited}/renders", json={"tasks": ["restore"]})
        pictures.add("10.0.0.2", as_sent(drawn()))
        kept = pictures.add("10.0.0.3", as_sent(drawn()))
        assert client.get(f"/api/pictures/{abandoned}").status_code == 404
        assert client.get(f"/api/pictures/{kept.id}").status_code == 200
        assert client.get(f"/api/pictures/{awaited}").status_code == 200
        assert len(list(folder(client).iterdir())) == 3


def test_old_pictures_are_forgotten() -> None:
    with client_of(Limits(seconds=0)) as client:
        picture = send(client).json()["id"]
        client.app.state.app_state.sweep()
        assert client.get(f"/api/pictures/{picture}").status_code == 404
        assert list(folder(client).iterdir()) == []


def test_nothing_is_left_at_the_end() -> None:
    with client_of() as client:
        send(client)
        place = folder(client)
        assert len(list(place.iterdir())) == 1
    assert not place.exists()


def test_a_form_without_a_picture_is_refused(client: Any) -> None:
    for answer in (
        client.post("/api/pictures"),
        client.post("/api/pictures", files={"other": ("a.png", drawn())}),
        client.post("/api/pictures", data={"file": "text"}),
        client.post("/api/pictures", content=b"--", headers={"Content-Type": "multipart/form-data"}),
        client.post("/api/pictures", content=b"--y", headers={"Content-Type": "multipart/form-data; boundary=x"}),
    ):
        assert answer.status_code in (400, 422), answer.text
        assert list(answer.json()) == ["error"]


def test_a_full_disk_is_told(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("prismgan.web.uploads.shutil.copyfileobj", full)
    answer = send(client)
    assert answer.status_code == 507
    assert "No space left" in answer.json()["error"]


def test_a_disk_that_is_full_before_a_form_is_read_is_told(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("starlette.datastructures.UploadFile.write", full)
    answer = send(client)
    assert answer.status_code == 507
    assert "No space left" in answer.json()["error"]
