"""The run folder, the conditions for resuming in it, and its checkpoint: everything that the next step depends on.
Random values of a step are functions of the seed and the step; the libraries' states are stored for users' code."""

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

from prismgan.errors import RecipeError, WeightsError, explained, reason_of
from prismgan.files import entries, replace_file
from prismgan.models.gradients import from_first
from prismgan.recipes.recipe import Recipe
from prismgan.recipes.text import differences, load, parts_of, read_yaml, to_yaml
from prismgan.report.history import parse_line

FORMAT = 1  # of checkpoints
FREE = {"batch_size", "steps", "log_every", "save_every", "sample_every", "cosines_every", "patience", "trackers"}
"""Fields of ``training`` that may change on resume; the batch size only together with the number of processes."""


class Run:
    """The paths of a run folder, and writing to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recipe = folder / "recipe.yaml"
        self.checkpoint = folder / "checkpoint.pt"
        self.weights = folder / "weights.safetensors"
        self.metrics = folder / "metrics.jsonl"
        self.samples = folder / "samples"
        self.report = folder / "report.html"

    def check_new(self, recipe: str) -> None:
        """Raise unless the folder is empty, or holds a training of this recipe (the text of the resolved one) that was
        killed before its first checkpoint and can be started again."""
        if self.checkpoint.exists():
            cure = "continue with --resume, or choose another folder"
            raise RecipeError(f"{self.folder}: already holds a training; {cure}")
        if self.is_bare() and self.recipe.read_bytes() == recipe.encode():
            return
        if self.folder.is_dir() and entries(self.folder):
            raise RecipeError(f"{self.folder}: is not empty, and holds no training; choose a new folder for the run")

    def is_bare(self) -> bool:
        """Whether there is a recipe and nothing else: the training was killed before its first checkpoint."""
        return self.recipe.is_file() and entries(self.folder) == [self.recipe]

    def clear(self) -> None:
        """Delete the files of a training and its report, and nothing else."""
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
        advice = "; the last checkpoint is intact, free some space and continue with --resume"
        with explained(f"{self.metrics}: cannot be written", advice), self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def lines(self) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
        """The lines of ``metrics.jsonl``, raw and parsed; None for those that cannot be read."""
        if self.metrics.exists():
            with explained(f"{self.metrics}: cannot be read"):
                content = self.metrics.read_bytes()
            for text in content.splitlines():
                yield text, parse_line(text)

    def rewind(self, step: int) -> tuple[float, int]:
        """Drop metrics of steps after ``step``, which will be trained again. Returns the seconds of training until
        then, and the number of unreadable lines, apart from the last one, which a killed process may leave."""
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
    """The batch size of a run that is resumed; None for a new one. ``"auto"`` resumes if there is a checkpoint. Raises
    RecipeError if the folder does not fit."""
    if resume == "auto":
        resume = run.checkpoint.exists() or run.is_bare()
    if not resume:
        run.check_new(to_yaml(recipe))
        return None
    before = check_resumable(run, recipe)
    return None if run.is_bare() else before  # a run killed before its first checkpoint starts again


def check_resumable(run: Run, recipe: Recipe) -> int:
    """Raise if the recipe differs from the run's beyond lengths, intervals and evaluation; returns its batch size."""
    if not run.recipe.exists():
        raise RecipeError(f"{run.folder}: holds no training to resume")
    trained = load(run.recipe)
    before = _binding(trained.model_dump(mode="json"))
    now = _binding(recipe.model_dump(mode="json"))
    written = _binding(read_yaml(run.recipe.read_text(encoding="utf-8")))
    if missing := _missing(before, written):
        # Runs write every field. Missing fields are newer than the run, which may not match today's default.
        fault = f"was written by an earlier prismgan and lacks {', '.join(missing)}"
        raise RecipeError(f"{run.recipe}: {fault}; add the values that the run was trained with, then resume it")
    if changed := differences(before, now):
        refused = "was trained with a different recipe and cannot be resumed with this one"
        raise RecipeError(f"{run.folder}: {refused}; changed: {'; '.join(changed)}")
    return trained.training.batch_size


def pictures_must_be_the_same(run: Run, before: tuple[int, int], now: tuple[int, int]) -> None:
    """Raise if the number of pictures per step would change, because crops depend on their position. ``before`` and
    ``now`` are the number of processes, and the pictures per step of each process."""
    pictures = before[0] * before[1]
    if pictures != now[0] * now[1]:
        many = f"{before[0]} process{'es' if before[0] > 1 else ''}"
        way = f"set training.batch_size to {pictures // now[0]}" if not pictures % now[0] else f"start {many}"
        trained = f"was trained on {pictures} pictures a step, {before[1]} for each of {many}"
        raise RecipeError(f"{run.folder}: {trained}, but this would continue with {now[0]} x {now[1]}; {way}")


def _binding(dump: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a recipe that a resumed training must share with the run."""
    kept = {key: value for key, value in dump.items() if key not in ("evaluation", "name")}
    for part, free in (("training", FREE), ("data", {"workers", "cache_mb"})):
        kept[part] = {key: value for key, value in kept.get(part, {}).items() if key not in free}
    return kept


def _missing(whole: Any, written: Any, path: str = "") -> list[str]:
    """Paths of the fields of a recipe that are missing in the text that it was read from."""
    there = parts_of(written)
    paths = []
    for key, value in parts_of(whole).items():
        here = f"{path}.{key}" if path else key
        paths += _missing(value, there[key], here) if key in there else [here]
    return paths


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` and the libraries' random states; if that fails, the previous file stays intact."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "random": _random_states(), **state}, buffer)
    replace_file(path, buffer.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint and restore the libraries' random states; WeightsError if it is missing, damaged, or of another
    version. With several processes, the first one reads the file."""
    content = from_first(lambda: _content(path))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"the checksum of {damaged} is wrong")
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # any error of the readers of zip files, pickles and tensors
        reason = (str(error) or "it ends too early").splitlines()[0]
        cure = "start again in another folder, for example --from the run's weights"
        raise WeightsError(f"{path}: is damaged, or not a checkpoint ({reason}); {cure}") from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise WeightsError(f"{path}: is not a checkpoint of this version; train again")
    try:
        _restore_random_states(state.pop("random"))
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, OverflowError) as error:
        raise WeightsError(f"{path}: its random states are damaged ({reason_of(error)})") from None
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
    numpy = [str(name), torch.from_numpy(np.asarray(keys).astype(np.int64)), *map(float, rest)]
    return {"python": [version, list(numbers), gauss], "numpy": numpy, "torch": torch.get_rng_state()}


def _restore_random_states(states: dict[str, Any]) -> None:
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), int(position), int(has_gauss), cached))
    torch.set_rng_state(states["torch"])
