"""Training started by torchrun: two processes, one set of files."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import distributed

from prismgan.weights import load_weights


@pytest.mark.slow
@pytest.mark.skipif(not distributed.is_available(), reason="torch was built without processes")
def test_two_processes_write_one_set_of_files(
    tmp_path: Path, tiny_recipe: Callable[..., Path], environment: dict[str, str]
) -> None:
    recipe = tiny_recipe(tmp_path, {"training.steps": 3, "training.sample_every": 3, "evaluation.every": 2})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    launcher = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_addr", "127.0.0.1"]
    # Without the two dashes torchrun takes --run for an abbreviation of an option of its own.
    ours = ["-m", "--", "prismgan", "train", str(recipe), "--run", str(tmp_path / "run")]
    finished = subprocess.run(
        [sys.executable, *launcher, "--master_port", str(port), *ours],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("weights  ") == 1
    run = tmp_path / "run"
    assert {path.name for path in run.iterdir()} == {
        "checkpoint.pt",
        "evaluation.json",
        "metrics.jsonl",
        "recipe.yaml",
        "report.html",
        "samples",
        "weights.safetensors",
    }
    steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3]
    assert load_weights(run / "weights.safetensors").header.step == 3
    assert json.loads((run / "evaluation.json").read_text())["discriminator"]["loss"] > 0
