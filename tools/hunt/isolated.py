"""Runs work in a separate process, which may be killed, hang, crash or use too many resources without harm to the hunt.

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
"""Seconds of processor time; more counts as a hang. Three times as long in elapsed time does too, apart from other
programs' share."""
MEMORY = 3 << 30
"""Bytes of address space beyond those of this process."""
CRASHED = 70
DIES_WITH_ITS_PARENT = 1
"""Linux's PR_SET_PDEATHSIG."""


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    """Its exit code; negative for a signal."""
    said: str
    """Text on stdout and stderr."""
    seconds: float
    """Seconds of processor time."""
    megabytes: int
    """Peak memory, including that of this process."""

    @property
    def fault(self) -> str | None:
        """The fault of a command that ended so; None if it worked, or was refused in one line."""
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
    """Do the work, with limits.

    Args:
        work: called in the new process; its result is ignored.
        kill_after: seconds until it is killed, with all processes that it has started.
        beside: called in this process meanwhile.
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
    """Kill the process and all that it started; right after its start it has no process group yet."""
    try:
        os.killpg(process, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(process, signal.SIGKILL)


def _waited_for_others(process: int) -> float:
    """Seconds in which it was ready to run while other programs ran; 0 if the system does not report them."""
    try:
        with open(f"/proc/{process}/schedstat") as file:  # noqa: PTH123 (not a file)
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def command(*words: object) -> Callable[[], None]:
    """``prismgan`` with these arguments, as work."""

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
        # New objects: the old ones may have been replaced, and hold text that is not written yet.
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
