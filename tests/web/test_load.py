"""Several clients at once, by ``benchmarks/load.py``, which has more of them: no request fails or is forgotten."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.tiny_weights import tiny_weights

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "load.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have one address of loopback")
def test_clients_are_served_in_turn_and_nothing_fails(tmp_path: Path, environment: dict[str, str]) -> None:
    weights, figures = tmp_path / "tiny.safetensors", tmp_path / "figures.json"
    tiny_weights("restore", "paint", "fine-2x").save(weights)
    done = subprocess.run(
        [sys.executable, SCRIPT, "--weights", weights, "--clients", "4", "--tasks", "24", "--json", figures],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(figures.read_text())
    assert found["failures"] == []
    assert sum(found["tasks"].values()) == 24
    assert {"small", "cancel", "crowd", "err", "look"} <= set(found["tasks"])
    assert not [code for code in found["answers"] if code.startswith("5")]
    assert found["wait_most_over_median"] < 6
