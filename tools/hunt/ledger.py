"""The trials and their results: one table at the end, and a file that replays every failure."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Ledger", "Trial"]


@dataclass(frozen=True)
class Trial:
    """One attempt; the same seed and number repeat it, except for the moment of a kill."""

    part: str
    seed: int
    number: int

    @property
    def key(self) -> str:
        return f"{self.seed}/{self.part}/{self.number}"


@dataclass
class Row:
    """Figures of one part."""

    tried: int = 0
    refused: int = 0
    accepted: int = 0
    failed: int = 0
    seconds: float = 0.0
    """Processor seconds of the slowest trial."""
    megabytes: int = 0
    """Peak memory of the largest trial."""
    remark: str = ""
    kills: int = 0
    answered: Counter[int] = field(default_factory=Counter)
    """Number of requests by status."""

    def remarks(self) -> str:
        return ", ".join(
            (
                *([self.remark] if self.remark else []),
                *([f"{self.kills} kills"] if self.kills else []),
                *(f"{status}: {count:,}" for status, count in sorted(self.answered.items())),
            )
        )


@dataclass
class Ledger:
    """All rows, and a folder for failures."""

    folder: Path
    rows: dict[str, Row] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    @property
    def failures(self) -> Path:
        return self.folder / "failures.jsonl"

    def row(self, part: str) -> Row:
        return self.rows.setdefault(part, Row())

    def keep_folder(self, trial: Trial, folder: Path) -> None:
        """Copy the folder of a failed trial, because the moments of its kills cannot be repeated."""
        shutil.copytree(folder, self.folder / trial.key.replace("/", "-"), dirs_exist_ok=True)

    def note(
        self, trial: Trial, outcome: str, what: str = "", *, seconds: float = 0.0, megabytes: int = 0, count: int = 1
    ) -> None:
        """The result of one trial: ``refused``, ``accepted`` or ``failed``."""
        row = self.row(trial.part)
        row.tried += count
        setattr(row, outcome, getattr(row, outcome) + count)
        row.seconds, row.megabytes = max(row.seconds, seconds), max(row.megabytes, megabytes)
        if outcome == "failed":
            line = {"part": trial.part, "seed": trial.seed, "number": trial.number, "what": what}
            with self.failures.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(f"FAILED {trial.key}: {what.strip().splitlines()[-1][:300] if what.strip() else ''}", file=sys.stderr)

    def keep(self, trial: Trial, content: bytes, suffix: str) -> None:
        """The file that a trial failed on."""
        (self.folder / f"{trial.key.replace('/', '-')}{suffix}").write_bytes(content)

    @property
    def failed(self) -> int:
        return sum(row.failed for row in self.rows.values())

    def table(self) -> str:
        """All rows, and their sum."""
        names = ("part", "tried", "refused", "accepted", "failed", "longest", "most memory", "")
        lines = [
            (
                part,
                *(f"{number:,}" for number in (row.tried, row.refused, row.accepted, row.failed)),
                f"{row.seconds:.1f} s" if row.seconds else "",
                f"{row.megabytes:,} MB" if row.megabytes else "",
                row.remarks(),
            )
            for part, row in self.rows.items()
        ]
        sums = [
            sum(getattr(row, name) for row in self.rows.values()) for name in ("tried", "refused", "accepted", "failed")
        ]
        lines.append(
            ("all", *(f"{number:,}" for number in sums), f"{time.monotonic() - self.began:.0f} s in all", "", "")
        )
        widths = [max(len(line[place]) for line in (names, *lines)) for place in range(len(names))]
        shown = [
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in (names, *lines)
        ]
        return "\n".join(line.rstrip() for line in shown)
