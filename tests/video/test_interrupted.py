"""A killed job resumes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("av")

from helpers.tiny_clips import frames, make_clip, packets, saved_weights, times

Command = Callable[..., Any]
TASKS = ("paint", "restore")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills in another way")
def test_a_killed_job_goes_on_to_the_same_frames(
    tmp_path: Path, command: Command, environment: Mapping[str, str]
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", height=240, width=320)
    weights = saved_weights(tmp_path / "tiny.safetensors")

    def arguments(out: str) -> list[object]:
        options = ["--weights", weights, "--tasks", ",".join(TASKS), "--segment", 0.12]
        return ["video", clip, "--out", tmp_path / out, *options]

    def start() -> subprocess.Popen[bytes]:
        program = [sys.executable, "-m", "prismgan", *map(str, arguments("killed"))]
        return subprocess.Popen(program, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    whole = command(*arguments("whole"))
    assert whole.code == 0, whole.err
    draw = random.Random(int.from_bytes(os.urandom(4)))  # at a random moment, indeed
    segments = tmp_path / "killed" / "clip" / "segments"
    kills = 0
    while kills < 2:
        job = start()
        waiting = 1 + 2 * kills + draw.randrange(2)  # this many more segments are finished
        while job.poll() is None and len(list(segments.glob("paint-*.mp4"))) < waiting:
            time.sleep(0.002)
        time.sleep(draw.uniform(0, 0.05))
        job.kill()
        job.communicate()
        if job.returncode == 0:
            break
        kills += 1
    last = start()
    errors = last.communicate(timeout=200)[1]
    assert last.returncode == 0, errors.decode()
    assert kills
    assert b"continuing after" in errors
    for task in TASKS:
        straight, resumed = (tmp_path / run / "clip" / f"{task}.mp4" for run in ("whole", "killed"))
        assert times(straight) == times(resumed) == times(clip)
        assert packets(resumed, "audio") == packets(clip, "audio")
        assert all(np.array_equal(*pair) for pair in zip(frames(straight), frames(resumed), strict=True))
    assert not segments.exists()
