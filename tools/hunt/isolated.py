"""Work in a process of its own, which may be killed, hang, crash or take too much without harm to the hunt.

Processes are forked from this one, which has imported everything: that takes milliseconds instead of seconds.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["MEMORY", "SECONDS", "Ended", "command", "isolated"]

SECONDS = 20
"""Of computing; beyond, it counts as a hang. Three times as long counts as one too, other programs' share left out."""
MEMORY = 3 << 30
"""Bytes of address space beyond what this process has."""
CRASHED = 70
DIES_WITH_ITS_PARENT = 1
"""Linux's PR_SET_PDEATHSIG."""


@dataclass(frozen=True)
class Ended:
    """How it ended."""

    code: int
    """Its exit code; negative for a signal."""
    said: str
    """On stdout and stderr."""
    seconds: float
    """Of computing."""
    megabytes: int
    """At most, this process's included."""

    @property
    def fault(self) -> str | None:
        """What is wrong with a command that ended so; None where it worked, or was refused in one line."""
        if self.code == -signal.SIGXCPU or self.seconds > SECONDS:
            return f"hangs: {self.seconds:.0f} s"
        if "Traceback (most recent call last)" in self.said or self.code not in (0, 2):
            return f"exit code {self.code}: {self.said.strip()[-1500:]}"
        refusals = [line for line in self.said.splitlines() if line.startswith("prismgan: ")]
        if self.code == 2 and not refusals:
            return f"refused without a word: {self.said.strip()[-500:]}"
        if any(len(line) > 2000 for line in refusals):
            return f"a line of {max(map(len, refusals)):,} characters"
        return None


def isolated(
    work: Callable[[], object], kill_after: float | None = None, beside: Callable[[], object] | None = None
) -> Ended:
    """Do it, with limits.

    Args:
        work: what to do; what it returns is ignored.
        kill_after: seconds until it is killed, with all processes that it has started.
        beside: done here meanwhile.
    """
    with tempfile.TemporaryFile() as said:
        began = time.monotonic()
        child = os.fork()
        if not child:
            _do(work, said.fileno())
        if beside is not None:
            beside()
        limit, hangs = 3 * SECONDS if kill_after is None else kill_after, False
        while True:
            ended, status, usage = os.wait4(child, os.WNOHANG)
            if ended:
                break
            if time.monotonic() - began - _waited_for_others(child) > limit:
                hangs = kill_after is None
                _kill(child)
            time.sleep(0.002)
        said.seek(0)
        seconds = limit if hangs else usage.ru_utime + usage.ru_stime
        words = said.read().decode(errors="replace")
        return Ended(os.waitstatus_to_exitcode(status), words, seconds, usage.ru_maxrss >> 10)


def _kill(process: int) -> None:
    """With all that it has started; right after its start it has no group of its own yet."""
    try:
        os.killpg(process, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(process, signal.SIGKILL)


def _waited_for_others(process: int) -> float:
    """Seconds that it could have computed in, while other programs did; 0 where the system does not say."""
    try:
        with open(f"/proc/{process}/schedstat") as file:  # noqa: PTH123 (not a file)
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def command(*words: object) -> Callable[[], None]:
    """``prismgan`` with these words, as work."""

    def work() -> None:
        from prismgan.cli import main

        sys.argv = ["prismgan", *map(str, words)]
        main()

    return work


def _do(work: Callable[[], object], said: int) -> None:
    code = CRASHED
    try:
        os.setsid()
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(DIES_WITH_ITS_PARENT, signal.SIGKILL)
        for stream in (1, 2):
            os.dup2(said, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        # New ones: the old may have been replaced, and hold what is not written yet.
        sys.stdout, sys.stderr = (open(stream, "w", closefd=False) for stream in (1, 2))  # noqa: SIM115
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (int(SECONDS) + 1, int(SECONDS) + 5))
        if (taken := _address_space()) is not None:
            resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
        work()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


def _address_space() -> int | None:
    try:
        with open("/proc/self/statm") as file:  # noqa: PTH123 (not a file)
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return None
