"""Threads and memory."""

from __future__ import annotations

import math
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from prismgan import machine
from prismgan.machine import available_threads, keep_freed_memory


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, math.inf),
        ({"cpu.max": "max 100000"}, math.inf),
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, math.inf),
        ({"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4),
    ],
)
def test_a_containers_share_of_the_processor(files: dict[str, str], quota: float, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content + "\n")
    assert machine._processor_quota(tmp_path) == quota


def test_threads_are_at_least_one_and_no_more_than_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_processor_quota", lambda cgroup: 0.5)
    assert available_threads() == 1
    monkeypatch.setattr(machine, "_processor_quota", lambda cgroup: math.inf)
    assert available_threads() == torch.get_num_threads()


FAULTS = """
import resource
import numpy as np
from prismgan.machine import keep_freed_memory
if {kept}:
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(20_000_000, dtype=np.uint8)
before = faults()
for _ in range(10):
    np.ones(20_000_000, dtype=np.uint8)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_memory_is_used_again(environment: dict[str, str]) -> None:
    def faults(kept: bool) -> int:
        command = [sys.executable, "-c", FAULTS.format(kept=kept)]
        found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return int(found.stdout)

    assert faults(kept=True) < 0.1 * faults(kept=False)


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not keep_freed_memory()
