"""One thing that is wrong with the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Problem"]


@dataclass(frozen=True)
class Problem:
    """What is wrong, where, and what to do about it; one line as a string."""

    where: str
    """A picture, a manifest with its line, a task, or ``data``."""
    what: str
    fix: str
    severity: Literal["error", "warning"] = "error"
    """An error is a fault of the data; a warning is for information."""
    skippable: bool = False
    """An error that training can go on without: the picture is left out, and named."""

    @property
    def fatal(self) -> bool:
        """Whether training must not start with it."""
        return self.severity == "error" and not self.skippable

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.fix}"
