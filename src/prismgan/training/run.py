"""The run folder, whether a training can go on in it, and its checkpoint: everything that the next step depends on.
What is random in a step is a function of the seed and the step; the libraries' random states are stored too, for what
users may add."""

import io
import json
import random
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from prismgan.errors import PrismganError, RecipeError, WeightsError
from prismgan.files import entries, replace_file
from prismgan.models.gradients import from_first
from prismgan.recipes.recipe import Recipe
from prismgan.recipes.text import differences, load, read_yaml, to_yaml
from prismgan.report.history import parse_line

FORMAT = 1  # of checkpoints
FREE = {"batch_size", "steps", "log_every", "save_every", "sample_every", "cosines_every", "patience", "trackers"}
"""Of ``training``: lengths, intervals and trackers may change; the batch size with the number of processes."""


class Run:
    """Paths and writing of a run folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recipe = folder / "recipe.yaml"
        self.checkpoint = folder / "checkpoint.pt"
        self.weights = folder / "weights.safetensors"
        self.metrics = folder / "metrics.jsonl"
        self.samples = folder / "samples"
        self.report = folder / "report.html"

    def must_be_new(self, recipe: str) -> None:
        """Refuse a folder that holds anything but a training of this recipe (the text of the resolved one) that was
        killed before it had a checkpoint, and is started again."""
        if self.checkpoint.exists():
            raise RecipeError(f"{self.folder}: holds a training already; go on with --resume, or choose another folder")
        if self.is_bare() and self.recipe.read_bytes() == recipe.encode():
            return
        if self.folder.is_dir() and entries(self.folder):
            raise RecipeError(f"{self.folder}: is not empty, and holds no training; choose a new folder for the run")

    def is_bare(self) -> bool:
        """Whether there is a recipe and nothing else: a training was killed before its first checkpoint."""
        return self.recipe.is_file() and entries(self.folder) == [self.recipe]

    def clear(self) -> None:
        """Delete what a training and its report made, and nothing else."""
        others = [self.folder / name for name in ("evaluation.json", "cost.json", "trackers.json")]
        for path in (self.recipe, self.checkpoint, self.weights, self.metrics, self.report, *others):
            path.unlink(missing_ok=True)
        for name in (self.samples.name, "render", "exemplars", "tensorboard"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def write(self, name: str, content: str) -> None:
        replace_file(self.folder / name, content.encode())

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        self.write(name, json.dumps(content, indent=1, allow_nan=False) + "\n")

    def log(self, line: Mapping[str, Any]) -> None:
        try:
            with self.metrics.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise PrismganError(
                f"{self.metrics}: cannot be written ({error.strerror}); the last checkpoint is untouched, "
                "free some space and go on with --resume"
            ) from None

    def lines(self) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
        """The lines of ``metrics.jsonl``, raw and parsed; None for those that cannot be read."""
        try:
            content = self.metrics.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise PrismganError(f"{self.metrics}: cannot be read ({error.strerror or error})") from None
        for text in content.splitlines():
            yield text, parse_line(text)

    def rewind(self, step: int) -> tuple[float, int]:
        """Forget metrics of steps after ``step``, which are about to be trained again. Returns seconds trained by then,
        and how many lines could not be read; the last one, perhaps half-written by a process that was killed, does not
        count."""
        lines = list(self.lines())
        kept, seconds = [], 0.0
        for text, line in lines:
            if line is not None and (line.get("step") or 0) <= step:
                kept.append(text + b"\n")
                seconds = time if isinstance(time := line.get("time"), float) else seconds
        if self.metrics.exists():
            replace_file(self.metrics, b"".join(kept))
        return seconds, sum(line is None for _, line in lines[:-1])


def batch_size_so_far(run: Run, recipe: Recipe, resume: bool | Literal["auto"]) -> int | None:
    """The batch size that the run goes on from; None where it starts. ``"auto"`` resumes where there is a checkpoint. A
    RecipeError says that the folder does not fit."""
    if resume == "auto":
        resume = run.checkpoint.exists() or run.is_bare()
    if not resume:
        run.must_be_new(to_yaml(recipe))
        return None
    before = must_be_resumable(run, recipe)
    return None if run.is_bare() else before  # killed before its first checkpoint, it is started again


def must_be_resumable(run: Run, recipe: Recipe) -> int:
    """Refuse a recipe that is another one than the run's, but for lengths, intervals, and what is measured; returns the
    batch size that the run was trained with so far."""
    if not run.recipe.exists():
        raise RecipeError(f"{run.folder}: holds no training to resume")
    trained = load(run.recipe)
    before = _binding(trained.model_dump(mode="json"))
    now = _binding(recipe.model_dump(mode="json"))
    written = _binding(read_yaml(run.recipe.read_text(encoding="utf-8")))
    if missing := _missing(before, written):
        # Runs write every field. What is missing came after the run, and today's default need not be what it did.
        raise RecipeError(
            f"{run.recipe}: was written by an earlier prismgan and does not say {', '.join(missing)}; write there what "
            "the run was trained with, then resume it"
        )
    changed = differences(before, now)
    if changed:
        raise RecipeError(
            f"{run.folder}: was trained with another recipe and cannot be resumed with this one; "
            f"changed: {'; '.join(changed)}"
        )
    return trained.training.batch_size


def pictures_must_be_the_same(run: Run, before: tuple[int, int], now: tuple[int, int]) -> None:
    """Refuse to go on with another number of pictures in a step, as crops are a function of their place. ``before`` and
    ``now`` are the number of processes, and pictures in a step of each."""
    pictures = before[0] * before[1]
    if pictures != now[0] * now[1]:
        many = f"{before[0]} process{'es' if before[0] > 1 else ''}"
        way = f"set training.batch_size to {pictures // now[0]}" if not pictures % now[0] else f"start {many}"
        raise RecipeError(
            f"{run.folder}: was trained on {pictures} pictures a step, {before[1]} for each of {many}, and this would "
            f"go on with {now[0]} x {now[1]}; {way}"
        )


def _binding(dump: Mapping[str, Any]) -> dict[str, Any]:
    """What of a recipe a resumed training must share with the run."""
    kept = {key: value for key, value in dump.items() if key not in ("evaluation", "name")}
    for part, free in (("training", FREE), ("data", {"workers", "cache_mb"})):
        kept[part] = {key: value for key, value in kept.get(part, {}).items() if key not in free}
    return kept


def _missing(whole: Any, written: Any, path: str = "") -> list[str]:
    """Paths of the fields that a recipe has, and the text that it was read from does not."""
    there = _parts(written)
    paths = []
    for key, value in _parts(whole).items():
        here = f"{path}.{key}" if path else key
        paths += _missing(value, there[key], here) if key in there else [here]
    return paths


def _parts(value: Any) -> dict[str, Any]:
    """Fields by their key, entries of a list by their name or number; nothing of anything else."""
    if isinstance(value, list):
        return {str(each.get("name", n)) if isinstance(each, dict) else str(n): each for n, each in enumerate(value)}
    return value if isinstance(value, dict) else {}


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` and the libraries' random states; where that fails, the file before is untouched."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "random": _random_states(), **state}, buffer)
    replace_file(path, buffer.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint and set the libraries' random states to what they were; a WeightsError says that it is missing,
    damaged, or of another version. Of several processes the first one reads the file."""
    content = from_first(lambda: _content(path))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"the checksum of {damaged} is wrong")
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever the readers of zip files, pickles and tensors stumble on
        reason = (str(error) or "it ends too early").splitlines()[0]
        raise WeightsError(
            f"{path}: is damaged, or no checkpoint ({reason}); start again in another folder, for example --from the "
            "run's weights"
        ) from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise WeightsError(f"{path}: is no checkpoint of this version; train again")
    try:
        _restore_random_states(state.pop("random"))
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, OverflowError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{path}: its random states are damaged ({reason})") from None
    return state


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such checkpoint; start without --resume") from None
    except OSError as error:
        raise WeightsError(f"{path}: is not a checkpoint that can be read ({error.strerror})") from None


def _random_states() -> dict[str, Any]:
    version, numbers, gauss = random.getstate()
    name, keys, *rest = np.random.get_state(legacy=True)
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [str(name), torch.from_numpy(np.asarray(keys).astype(np.int64)), *map(float, rest)],
        "torch": torch.get_rng_state(),
    }


def _restore_random_states(states: dict[str, Any]) -> None:
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), int(position), int(has_gauss), cached))
    torch.set_rng_state(states["torch"])
