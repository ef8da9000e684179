"""Unusual requests: generated from the server's own description, from broken files, and from damaged ones.

By default there are a few of each; ``PRISMGAN_FUZZ=25 python -m pytest tests/web/test_fuzz.py -s`` sends more than a
thousand, and prints the status codes.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from helpers.browsing import served
from helpers.tiny_server import drawn, finished

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
pytest.importorskip("av")

from schemathesis.checks import CHECKS  # noqa: E402
from schemathesis.generation import GenerationMode  # noqa: E402

from helpers.broken_files import BROKEN, CLIPS, Clips, whole_clips  # noqa: E402
from helpers.tiny_weights import tiny_weights  # noqa: E402
from prismgan.web.app_state import Session  # noqa: E402
from prismgan.web.limits import Limits  # noqa: E402
from prismgan.web.serving import make_application, server_of  # noqa: E402

EXAMPLES = int(os.environ.get("PRISMGAN_FUZZ", "2"))
"""Requests of every operation as described, the same number against the description, and of every kind of file."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 * EXAMPLES)]
UNKNOWN = {"positive_data_acceptance"}
"""Conditions that the description cannot express: that a name is a task, and that bytes are a picture."""


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return whole_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A server that trains styles for a moment. Afterwards it must still answer."""
    limits = Limits(minutes=0.001, pictures_of_a_client=64, clips_of_a_client=8, waiting_of_a_client=32)
    answered: Counter[int] = Counter()
    with (
        served(server_of(make_application(Session(tiny_weights()), "127.0.0.1", limits))) as address,
        httpx2.Client(base_url=address, timeout=60) as found,
    ):
        found.event_hooks["response"].append(lambda answer: answered.update([answer.status_code]))
        found.answered = answered
        yield found
        assert found.get("/api/tasks").status_code == 200
        print(f"\n{answered.total()} requests: {dict(sorted(answered.items()))}")


def send(client: Any, place: str, content: bytes) -> Any:
    """Upload a file. The answer must be an id, or one line that says what is wrong."""
    answer = client.post(f"/api/{place}", files={"file": ("x", content)})
    if answer.status_code != 201:
        assert answer.status_code in (413, 415, 422), answer.text
        assert list(answer.json()) == ["error"]
        assert "\n" not in answer.json()["error"]
    return answer


class Names:
    """Existing ids, for half of all requests; objects that a request removed are created again."""

    def __init__(self, client: Any, clips: Clips) -> None:
        self.client, self.contents = client, {"pictures": drawn(), "videos": clips["mp4"]}
        self.kept: dict[str, str] = {}

    def of(self, path: str) -> str:
        """An id for a path such as ``/api/renders/{name}``."""
        _, _, place, *_ = path.split("/")
        if place == "renders":
            return self.kept.setdefault(place, self._rendered())
        if place in self.contents:
            return str(send(self.client, place, self.contents[place]).json()["id"])
        return "chelsea"  # a sample

    def _rendered(self) -> str:
        job = self.client.post(f"/api/videos/{self.of('/api/videos')}/renders", json={"tasks": ["paint"]}).json()
        return str(finished(self.client, job)["id"])


# The server uses threads of this process, where the annotation checks draw random numbers.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
def test_what_is_described_is_what_is_answered(client: Any, clips: Clips) -> None:
    schema = schemathesis.openapi.from_url(f"{client.base_url}/api/openapi.json")
    checks = [CHECKS.get_one(name) for name in CHECKS.get_all_names() if name not in UNKNOWN]
    names, turn = Names(client, clips), 0

    chosen = settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in GenerationMode:

            @chosen
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                nonlocal turn
                turn += 1
                if turn % 2:
                    for key in case.path_parameters or {}:
                        case.path_parameters[key] = "paint" if key == "output" else names.of(case.path)
                    if case.method == "DELETE":
                        names.kept.clear()
                answer = case.call()
                client.answered.update([answer.status_code])
                case.validate_response(answer, checks=checks)

            with suppress(Unsatisfiable):  # nothing would violate the description
                ask()
    assert turn > 10 * EXAMPLES


def test_broken_files_are_refused(client: Any, clips: Clips) -> None:
    for name, (make, *_) in BROKEN.items():
        assert send(client, "pictures", make()).status_code != 201, name
        assert send(client, "videos", make()).status_code in (201, 415), name  # an animated GIF is a clip
    for name, (make_clip, *_) in CLIPS.items():
        assert send(client, "videos", make_clip(clips)).status_code == 415, name
        assert send(client, "pictures", make_clip(clips)).status_code == 415, name


KINDS = {"PNG": {}, "JPEG": {}, "WEBP": {}, "TIFF": {"compression": "tiff_lzw"}, "GIF": {}, "BMP": {}, "AVIF": {}}


def test_damaged_files_are_refused_or_rendered(client: Any, clips: Clips) -> None:
    draw = np.random.default_rng(0)
    whole = {
        **{("pictures", kind): drawn(kind=kind, **save) for kind, save in KINDS.items()},
        **{("videos", kind): clips[kind] for kind in ("mp4", "index first", "mkv")},
    }
    for (place, kind), content in whole.items():
        for _ in range(EXAMPLES):
            damaged = bytearray(content)
            for where in draw.integers(len(content), size=draw.integers(1, 12)):
                damaged[where] = draw.integers(256)
            answer = send(client, place, bytes(damaged))
            if answer.status_code == 201:
                path = f"/api/{place}/{answer.json()['id']}"
                job = client.post(f"{path}/renders", json={"tasks": ["restore"]}).json()
                assert finished(client, job)["state"] in ("done", "failed"), kind
                assert client.delete(path).status_code == 204
