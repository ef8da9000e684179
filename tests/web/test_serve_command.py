"""``prismgan serve``: from the first line to Ctrl-C."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helpers.browsing import served
from helpers.tiny_server import drawn, until
from helpers.tiny_weights import tiny_weights
from prismgan.errors import PrismganError
from prismgan.web.app_state import Session
from prismgan.web.serving import FILES, bound, make_application, server_of


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_end_and_leaves_nothing(
    tiny_run: Path, tmp_path: Path, environment: dict[str, str], ending: signal.Signals
) -> None:
    words = ["serve", "--weights", str(tiny_run / "weights.safetensors"), "--port", "0"]
    with subprocess.Popen(
        [sys.executable, "-m", "prismgan", *words],
        env={**environment, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{address}/api/tasks") as answer:
            assert [task["name"] for task in json.load(answer)["tasks"]] == ["restore", "enlarge", "paint"]
        with urllib.request.urlopen(address) as answer:
            assert b"<title>prismgan</title>" in answer.read()
        form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + drawn() + b"\r\n--x--\r\n"
        asked = urllib.request.Request(
            f"{address}/api/pictures", form, {"Content-Type": "multipart/form-data; boundary=x"}
        )
        with urllib.request.urlopen(asked) as answer:
            assert answer.status == 201
            picture = json.load(answer)["id"]
        style = {"picture": picture, "name": "dots", "minutes": 0.001}
        asked = urllib.request.Request(
            f"{address}/api/styles", json.dumps(style).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked) as answer:
            job = json.load(answer)["id"]
        while not learnt(address, job):
            time.sleep(0.2)
        assert len(list(tmp_path.glob("prismgan-serve-*/pictures/*"))) == 1
        process.send_signal(ending)
        _, said = process.communicate(timeout=60)
    assert "Traceback" not in said, said
    assert list(tmp_path.iterdir()) == []
    if ending == signal.SIGINT:
        assert (process.returncode, said) == (0, "stopped\n")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_calls_of_the_page_are_answered(tmp_path: Path) -> None:
    """The curl commands of docs/serving.md, with tiny weights and the ids that the server gives."""
    text = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
    first, second, third = re.findall(r"^\$ (curl .+)$", text, flags=re.MULTILINE)
    (tmp_path / "photo.jpg").write_bytes(drawn(kind="JPEG"))
    with served(server_of(make_application(Session(tiny_weights("restore", "paint")), "127.0.0.1"))) as address:

        def answer(words: str, *ids: str) -> str:
            for name, value in zip(("k3wq...", "Zb5x..."), ids, strict=False):
                words = words.replace(name, value)
            words = words.replace("http://127.0.0.1:8000", address).replace("comic", "paint")
            return subprocess.run(
                shlex.split(words), cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
            ).stdout

        picture = json.loads(answer(first))
        assert (picture["width"], picture["height"], picture["tasks"]) == (48, 40, ["restore", "paint"])
        job = json.loads(answer(second, picture["id"]))
        assert (job["kind"], job["state"]) == ("render", "queued")
        until(lambda: json.loads(answer(f"curl -s {address}/api/renders/{job['id']}"))["state"] == "done")
        assert answer(third, picture["id"], job["id"]) == ""
    with Image.open(tmp_path / "paint.png") as look:
        assert look.size == (48, 40)


def learnt(address: str, job: str) -> bool:
    with urllib.request.urlopen(f"{address}/api/styles/{job}") as answer:
        return bool(json.load(answer)["state"] == "done")


def test_a_port_that_is_taken_is_told(tiny_run: Path, command: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finished = command("serve", "--weights", tiny_run / "weights.safetensors", "--port", port)
    assert finished.code == 2
    assert finished.err.count("\n") == 1
    assert f"127.0.0.1:{port}" in finished.err
    assert "--port" in finished.err


@pytest.mark.parametrize("host", ["nowhere.invalid", "203.0.113.1", "a b", "x" * 300])
def test_an_address_of_another_machine_is_told(host: str) -> None:
    with pytest.raises(PrismganError, match="try another --port or --host"):
        bound(host, 0)


def test_missing_weights_are_told(command: Callable[..., Any], tmp_path: Path) -> None:
    finished = command("serve", "--weights", tmp_path / "none.safetensors")
    assert finished.code == 2
    assert "no such weights file" in finished.err


def test_a_site_is_served_without_other_options(command: Callable[..., Any], tmp_path: Path) -> None:
    finished = command("serve", "--static", tmp_path / "none")
    assert finished.code == 2
    assert "none: no such folder; write a site with" in finished.err
    finished = command("serve", "--static", tmp_path / "none", "--runtime", "torch")
    assert "a site contains its own network; leave out --weights, --runtime and --fast" in finished.err


def test_missing_packages_are_told(command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prismgan.packages.find_spec", lambda name: None)
    finished = command("serve")
    assert finished.code == 2
    assert "pip install 'prismgan[web]'" in finished.err


def test_the_page_is_small_and_loads_nothing_from_elsewhere() -> None:
    assert {"index.html", "style.css", "main.js"} <= set(FILES)
    assert sum(len(content) for content, _ in FILES.values()) < 200_000
    for name, (content, _) in FILES.items():
        named = set(re.findall(r"https?://[\w.]+\w", content.decode()))
        assert named <= {"http://www.w3.org", "http://127.0.0.1"}, name
