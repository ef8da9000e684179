"""The machine's threads, memory, devices and their arithmetic, and timing."""

from __future__ import annotations

import ctypes
import math
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from prismgan.errors import PrismganError, reason_of

if TYPE_CHECKING:
    import torch

# Numbers of glibc's malloc.h.
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
LARGE = 1 << 30
WARM_UP = 2  # rounds of a measurement that are not counted


def available_threads() -> int:
    """Number of computing threads: torch's, limited by the container's CPU quota, which torch ignores."""
    import torch  # takes seconds, and the command line needs the other function immediately

    return max(1, math.ceil(min(torch.get_num_threads(), _processor_quota(Path("/sys/fs/cgroup")))))


def usable_device(device: torch.device | str) -> torch.device:
    """A torch device by name; :class:`PrismganError` if it does not exist or this torch cannot use it."""
    import torch

    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, TypeError, ValueError) as error:
        fault = f"cannot be used ({reason_of(error)})"
        raise PrismganError(f"device {device!r}: {fault}; use cpu, or leave it out") from None


def precision(choice: str, device: str) -> torch.dtype:
    """The arithmetic of networks in training; ``auto`` is bfloat16 if the processor supports it natively."""
    import torch

    if choice == "auto":
        if device.startswith("cuda"):
            fast = torch.cuda.is_bf16_supported()
        else:
            fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        choice = "bfloat16" if fast else "float32"
    return torch.bfloat16 if choice == "bfloat16" else torch.float32


def keep_freed_memory() -> bool:
    """Make this process keep the memory that it frees, for the maps of the next layer; returns whether that works. By
    default glibc returns every large block to the system, which clears each page before it hands it out again. Without
    this, rendering and training are about 1.5 times as fast. Other C libraries are not changed."""
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(option, LARGE) for option in (MMAP_THRESHOLD, TRIM_THRESHOLD)) and bool(mallopt(TOP_PAD, 2**26))


def take_turns(
    ways: Mapping[str, Callable[[], object]], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Median seconds of each, measured in turn so that busy moments of the machine affect all of them equally."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(WARM_UP + repeats):
        for name, run in ways.items():
            start = clock()
            run()
            if repeat >= WARM_UP:
                times[name].append(clock() - start)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def _processor_quota(cgroup: Path) -> float:
    """Number of cores allowed by a container's control group; infinite if there is no limit."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()  # version 2
    except (OSError, ValueError):
        try:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()  # version 1
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return math.inf
    return int(quota) / int(period) if quota.isdecimal() and int(period) > 0 else math.inf
