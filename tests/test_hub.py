"""Weights on the Hugging Face Hub: pushed to and fetched from a local server that answers its few calls."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import numpy as np
import pytest
import torch
import yaml

pytest.importorskip("huggingface_hub")
from prismgan import Renderer
from prismgan.errors import WeightsError
from prismgan.weights import load_weights
from prismgan.weights.hub import fetch

Command = Callable[..., Any]
Repositories = dict[str, dict[str, bytes]]
TOKEN = "hf_of-the-test"


class Hub(BaseHTTPRequestHandler):
    """Repositories in memory; a commit replaces the main branch."""

    repositories: dict[str, dict[str, bytes]]
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None: ...

    def answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def tell(self, content: Any, status: int = 200) -> None:
        self.answer(status, json.dumps(content).encode(), Content_Type="application/json")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = unquote(urlparse(self.path).path)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.tell({"error": "Invalid credentials"}, 401)
        elif path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'somebody'}/{asked['name']}"
            self.repositories.setdefault(name, {})
            self.tell({"url": f"http://{self.headers['Host']}/{name}"})
        elif path == "/api/validate-yaml":
            self.tell({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            files = json.loads(body)["files"]
            self.tell({"files": [{**file, "uploadMode": "regular", "shouldIgnore": False} for file in files]})
        elif "/commit/" in path:
            name = path.removeprefix("/api/models/").partition("/commit/")[0]
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.repositories[name][line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            self.tell({"commitUrl": f"http://{self.headers['Host']}/{name}/commit/{'0' * 40}", "commitOid": "0" * 40})
        else:
            self.tell({"error": f"no such call: {path}"}, 404)

    def do_GET(self) -> None:
        path = unquote(urlparse(self.path).path).lstrip("/")
        name, found, rest = path.partition("/resolve/")
        if path.startswith("api/models/"):
            name = path.removeprefix("api/models/").partition("/revision/")[0]
            if name not in self.repositories:
                self.answer(401, X_Error_Code="RepoNotFound")
                return
            self.tell({"id": name, "sha": "0" * 40, "siblings": [{"rfilename": f} for f in self.repositories[name]]})
        elif not found or name not in self.repositories:
            self.answer(401, X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
        elif (file := rest.partition("/")[2]) not in self.repositories[name]:
            self.answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit="0" * 40)
        else:
            content = self.repositories[name][file]
            tag = hashlib.sha1(content).hexdigest()
            self.answer(200, content, ETag=f'"{tag}"', X_Repo_Commit="0" * 40)

    do_HEAD = do_GET  # noqa: N815


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repositories]:
    """The server's repositories; the library uses the server and has an empty cache."""
    from huggingface_hub import constants

    handler = type("OneHub", (Hub,), {"repositories": {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        here = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(constants, "ENDPOINT", here)
        template = here + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield handler.repositories  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


def test_weights_travel_over_the_hub_with_a_card(
    tmp_path: Path,
    tiny_run: Path,
    hub: Repositories,
    command: Command,
    draw_picture: Callable[..., Path],
) -> None:
    weights, photo = tiny_run / "weights.safetensors", draw_picture(tmp_path / "photo.png", 40, 48)
    pushed = command("push", "somebody/tiny", "--weights", weights, "--license", "cc0-1.0")
    assert pushed.code == 0, pushed.err
    assert pushed.out.endswith("/somebody/tiny\n")
    assert set(hub["somebody/tiny"]) == {"README.md", "weights.safetensors"}

    before = Renderer.load(weights)(photo)
    for renderer in (Renderer.from_pretrained("somebody/tiny"), Renderer.load("hf:somebody/tiny")):
        for name, picture in renderer(photo).items():
            assert np.array_equal(picture.pixels, before[name].pixels)
    rendered = command("render", photo, "--weights", "hf:somebody/tiny", "--out", tmp_path / "looks")
    assert rendered.code == 0, rendered.err
    assert (tmp_path / "looks/photo/paint.png").exists()

    _, metadata, text = hub["somebody/tiny"]["README.md"].decode().split("---\n", maxsplit=2)
    fields = yaml.safe_load(metadata)
    assert fields["license"] == "cc0-1.0"
    assert fields["library_name"] == "prismgan"
    assert fields["pipeline_tag"] == "image-to-image"
    assert {"gan", "restore", "super-resolution", "style"} <= set(fields["tags"])
    assert "| `enlarge` | super_resolution | 2x | no |" in text
    assert 'Renderer.from_pretrained("somebody/tiny")' in text


def test_the_ready_made_card_becomes_part_of_the_repositorys(hub: Repositories, command: Command) -> None:
    assert command("push", "somebody/prism-8", "--private").code == 0
    text = hub["somebody/prism-8"]["README.md"].decode()
    assert text.count("\n# ") == 1
    assert "\n## prism-8\n" in text
    pushed = hub["somebody/prism-8"]["weights.safetensors"]
    ours = load_weights()
    assert len(pushed) == ours.path.stat().st_size
    fetched = load_weights(fetch("somebody/prism-8"))
    assert all(torch.equal(fetched.tensors[name], tensor) for name, tensor in ours.tensors.items())


def test_a_cached_repository_serves_without_the_hub(
    tiny_run: Path, hub: Repositories, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("push", "somebody/tiny", "--weights", tiny_run / "weights.safetensors").code == 0
    path = fetch("somebody/tiny")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch("somebody/tiny") == path
    with pytest.raises(WeightsError, match="hf:somebody/other: the hub cannot be reached"):
        fetch("somebody/other")


def test_what_the_hub_refuses_is_one_clear_line(
    tiny_run: Path, hub: Repositories, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub["somebody/empty"] = {}
    weights = tiny_run / "weights.safetensors"
    for name, said in {
        "somebody/nothing": "there is no such repository",
        "somebody/empty": "holds no weights.safetensors",
        "a/b/c": "write it as USER/NAME",
    }.items():
        finished = command("info", f"hf:{name}")
        assert finished.code == 2
        assert finished.err.startswith(f"prismgan: hf:{name}: ")
        assert said in finished.err
        assert finished.err.count("\n") == 1
    with pytest.raises(WeightsError, match=r"is not a \.safetensors file"):
        fetch("somebody/empty", file="weights.pt")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    refused = command("push", "somebody/tiny", "--weights", weights)
    assert refused.code == 2
    assert "HTTP 401" in refused.err
    assert "hf auth login" in refused.err
    assert refused.err.count("\n") == 1


def test_from_pretrained_takes_a_runs_folder(tiny_run: Path) -> None:
    assert Renderer.from_pretrained(tiny_run).tasks == ("restore", "enlarge", "paint")
