"""A server that the tests of a file share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra web is not installed")

from helpers.tiny_server import client_of, send
from prismgan.web.limits import Limits


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Of a server that all tests of a file share."""
    with client_of(Limits(pictures_of_a_client=100, pictures=200)) as found:
        yield found


@pytest.fixture
def picture(client: Any) -> str:
    """Id of a picture that was sent."""
    answer = send(client)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])
