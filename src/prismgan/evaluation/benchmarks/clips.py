"""The clips in a folder."""

from __future__ import annotations

from pathlib import Path

__all__ = ["find_clips"]

SUFFIXES = frozenset({".mp4", ".mkv", ".mov", ".webm", ".avi"})


def find_clips(folder: Path) -> list[Path]:
    """The clips in a folder, by name; none if there is no such folder."""
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
