"""Fixtures shared by the tests of the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.trees import tree


@pytest.fixture
def refused(tmp_path: Path, command: Callable[..., Any]) -> Callable[..., str]:
    """``refused("train", ...)`` runs a command that must end with exit code 2 and one line, write nothing, and leave
    everything as it was; returns the line."""

    def run(*arguments: object) -> str:
        before = tree(tmp_path)
        finished = command(*arguments)
        assert finished.code == 2, finished
        assert finished.out == ""
        assert finished.err.startswith("prismgan: "), finished.err
        assert finished.err.count("\n") == 1, finished.err
        assert tree(tmp_path) == before
        return str(finished.err)

    return run
