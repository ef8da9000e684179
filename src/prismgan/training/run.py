"""The run folder: where a training keeps what it makes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from prismgan.errors import PrismganError, RecipeError
from prismgan.files import entries, locked, parse_json, replace_file

__all__ = ["Run"]


class Run:
    """Paths and writing of a run folder.

    ``recipe.yaml`` (resolved), ``checkpoint.pt``, ``weights.safetensors``, ``metrics.jsonl``, ``samples/``,
    ``evaluation.json``, ``cost.json``, ``report.html``; with trackers ``trackers.json``, ``tensorboard/``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recipe = folder / "recipe.yaml"
        self.checkpoint = folder / "checkpoint.pt"
        self.weights = folder / "weights.safetensors"
        self.metrics = folder / "metrics.jsonl"
        self.samples = folder / "samples"
        self.report = folder / "report.html"

    def must_be_new(self, recipe: str) -> None:
        """Refuse a folder that holds anything, a training above all; but for a training of this recipe that was killed
        before it had a checkpoint, which is started again.

        Args:
            recipe: the text of the resolved recipe.

        Raises:
            RecipeError: there is something in the folder.
        """
        if self.checkpoint.exists():
            raise RecipeError(f"{self.folder}: holds a training already; go on with --resume, or choose another folder")
        if self.is_bare() and self.recipe.read_bytes() == recipe.encode():
            return
        if self.folder.is_dir() and entries(self.folder):
            raise RecipeError(f"{self.folder}: is not empty, and holds no training; choose a new folder for the run")

    def is_bare(self) -> bool:
        """Whether there is a recipe and nothing else, as a training leaves it that was killed before its first
        checkpoint."""
        return self.recipe.is_file() and entries(self.folder) == [self.recipe]

    def locked(self) -> AbstractContextManager[None]:
        """While this lasts no other training writes into the folder.

        Raises:
            PrismganError: another one does, or the folder cannot be made or written to.
        """
        return locked(self.folder, "training")

    def clear(self) -> None:
        """Delete what a training and its report made, and nothing else."""
        for name in ("evaluation.json", "cost.json", "trackers.json"):
            (self.folder / name).unlink(missing_ok=True)
        for path in (self.recipe, self.checkpoint, self.weights, self.metrics, self.report):
            path.unlink(missing_ok=True)
        for name in (self.samples.name, "render", "exemplars", "tensorboard"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def write(self, name: str, content: str) -> None:
        """Write a text file of the run as a whole."""
        replace_file(self.folder / name, content.encode())

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file of the run as a whole."""
        self.write(name, json.dumps(content, indent=1, allow_nan=False) + "\n")

    def log(self, line: Mapping[str, Any]) -> None:
        """Append a line to ``metrics.jsonl``.

        Raises:
            PrismganError: the disk is full.
        """
        try:
            with self.metrics.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise PrismganError(
                f"{self.metrics}: cannot be written ({error.strerror}); the last checkpoint is untouched, "
                "free some space and go on with --resume"
            ) from None

    def lines(self) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
        """The lines of ``metrics.jsonl``, as they are and as what they say; None for those that cannot be read.

        Raises:
            PrismganError: the file cannot be read.
        """
        try:
            content = self.metrics.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise PrismganError(f"{self.metrics}: cannot be read ({error.strerror or error})") from None
        for text in content.splitlines():
            try:
                line = parse_json(text)
            except ValueError:
                line = None
            yield text, line if isinstance(line, dict) and isinstance(line.get("step", 0), int) else None

    def rewind(self, step: int) -> tuple[float, int]:
        """Forget metrics of steps after ``step``, which are about to be trained again.

        Returns:
            Seconds trained by then, and how many lines could not be read and are left out. The last one does not count:
            it may be the half line of a process that was killed.
        """
        kept, seconds, unreadable = [], 0.0, []
        for number, (text, line) in enumerate(self.lines()):
            if line is None:
                unreadable.append(number)
            elif line.get("step", 0) <= step:
                kept.append(text + b"\n")
                seconds = time if isinstance(time := line.get("time"), float) else seconds
        if self.metrics.exists():
            replace_file(self.metrics, b"".join(kept))
        return seconds, sum(each < number for each in unreadable) if unreadable else 0
