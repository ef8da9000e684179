"""Trainings in separate processes, their logs, and comparison of their checkpoints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

__all__ = ["assert_same", "kill_at", "lines", "trained"]


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def assert_same(found: Any, expected: Any, where: str = "checkpoint") -> None:
    """Bitwise equality of nested checkpoints."""
    assert type(found) is type(expected), where
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key in expected:
            assert_same(found[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected), where
        for index, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_same(one, other, f"{where}.{index}")
    elif isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected), where
    else:
        assert found == expected, where


def kill_at(step: int, arguments: list[object], run: Path, environment: dict[str, str]) -> None:
    """Start a training and kill it, workers and all, once it has logged ``step`` steps."""
    process = subprocess.Popen(
        [sys.executable, "-m", "prismgan", *map(str, arguments)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        started = time.monotonic()
        while not (run / "metrics.jsonl").exists() or (run / "metrics.jsonl").read_bytes().count(b"\n") < step:
            assert process.poll() is None, process.stderr and process.stderr.read().decode()
            assert time.monotonic() - started < 120
            time.sleep(0.002)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert process.returncode == -9


def trained(arguments: list[object], environment: dict[str, str]) -> str:
    """Train to the end in a separate process, like the killed training: changes of other tests to this process, for
    example how small numbers are rounded, must not matter. Returns the output."""
    command = [sys.executable, "-m", "prismgan", *map(str, arguments)]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stderr
