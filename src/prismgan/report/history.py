"""The history of a run from ``metrics.jsonl``: values at steps, and events."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from prismgan.errors import PrismganError, explained
from prismgan.files import parse_json

LARGEST = 2**53  # largest integer that a float distinguishes from the next


class Series(NamedTuple):
    """One value over the steps of a run, in step order, without non-finite values."""

    steps: NDArray[np.float64]
    values: NDArray[np.float64]
    not_finite: int  # number of values that were NaN or infinite


class Event(NamedTuple):
    kind: str
    step: int | None  # of the first occurrence, if the line names it
    message: str
    times: int


@dataclass(frozen=True)
class History:
    records: tuple[dict[str, float], ...]  # one mapping per logged step, without steps that were rolled back
    events: tuple[Event, ...]
    seconds: float  # training time, summed over resumes, including steps that were rolled back
    unreadable: tuple[int, ...]  # numbers of the lines that are neither values nor an event

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of all values, in the order of their first appearance."""
        return tuple(dict.fromkeys(key for record in self.records for key in record))

    def series(self, key: str) -> Series:
        """One value over the steps; empty if the run did not log it."""
        pairs = [(record["step"], record[key]) for record in self.records if key in record]
        steps, values = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
        finite = np.isfinite(values)
        return Series(steps[finite], values[finite], int((~finite).sum()))

    def below(self, prefix: str) -> tuple[str, ...]:
        """Names one level below ``prefix``: ``loss`` gives the X of ``loss/X``, not of ``loss/X/Y``."""
        start = f"{prefix}/"
        rest = (key.removeprefix(start) for key in self.keys if key.startswith(start))
        return tuple(name for name in rest if "/" not in name)


def read_history(path: Path) -> History:
    """Read a run's ``metrics.jsonl``. If the step goes back, after a resume or a rollback, later lines replace earlier
    ones. Raises PrismganError if the file is missing, or holds no training step."""
    if not path.exists():
        raise PrismganError(f"{path}: no such file; a report needs the folder of a training")
    with explained(f"{path}: cannot be read"):
        text = path.read_text(encoding="utf-8", errors="replace")
    records: list[dict[str, float]] = []
    events: dict[tuple[str, str], Event] = {}
    unreadable: list[int] = []
    times: list[float] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        entry = parse_line(line)
        if entry is None:
            unreadable.append(number)
        elif "event" in entry:
            kind, message, step = str(entry["event"]), str(entry.get("message", "")), entry.get("step")
            known = events.get((kind, message), Event(kind, step, message, 0))
            events[kind, message] = known._replace(times=known.times + 1)
        else:
            while records and records[-1]["step"] >= entry["step"]:
                records.pop()
            records.append({key: float(each) for key, each in entry.items() if isinstance(each, int | float)})
            times.append(records[-1].get("time", 0.0))
    if not records:
        raise PrismganError(f"{path}: holds no training step yet; try again after some steps")
    advances = np.diff(times, prepend=0.0)  # a clock that went back has restarted at zero
    seconds = float(np.where(advances >= 0, advances, times).sum())
    return History(tuple(records), tuple(events.values()), seconds, tuple(unreadable))


def parse_line(line: str | bytes) -> dict[str, Any] | None:
    """A line of values (with a step) or an event; None for anything else."""
    try:
        entry = parse_json(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or any(isinstance(each, int) and abs(each) > LARGEST for each in entry.values()):
        return None
    step = entry.get("step")
    named = isinstance(step, int) and not isinstance(step, bool)
    return entry if named or (step is None and "event" in entry) else None
