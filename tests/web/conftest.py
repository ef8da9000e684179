"""A server shared by the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra web is not installed")

from helpers.tiny_server import client_of, send
from prismgan.web.limits import Limits


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A client of a server shared by all tests of a file."""
    with client_of(Limits(pictures_of_a_client=100, pictures=200)) as found:
        yield found


@pytest.fixture
def picture(client: Any) -> str:
    """Id of an uploaded picture."""
    answer = send(client)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])
