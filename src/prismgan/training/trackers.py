"""Experiment trackers in addition to ``metrics.jsonl``: TensorBoard, W&B, Trackio and MLflow, through accelerate."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from prismgan.errors import PrismganError, reason_of
from prismgan.files import parse_json
from prismgan.packages import missing, require
from prismgan.recipes.recipe import TrackerName
from prismgan.recipes.text import parts_of
from prismgan.training.run import Run


class Trackers:
    """The trackers of one run: scalars, sample sheets and the recipe. A tracker that cannot start ends the command; one
    that fails later, for example because its server is unreachable, is reported once and then skipped."""

    def __init__(self, names: Sequence[TrackerName], run: Run, tell: Callable[[str], None]) -> None:
        """Check that the packages are installed; nothing is started yet."""
        for name in names:
            if name == "tensorboard":
                require("training.trackers: tensorboard", "tracking", name)
            elif missing([name]):
                raise PrismganError(f"training.trackers: {name} is not installed; install it: pip install {name}")
        self._names = names
        self._run = run
        self._tell = tell
        self._trackers: list[Any] = []

    def start(self, title: str, recipe: Mapping[str, Any], step: int) -> None:
        """Open the trackers; a run resumed at ``step`` continues its entries. ``recipe`` is ``recipe.yaml``'s dump."""
        if not self._names:
            return
        stored = self._run.folder / "trackers.json"
        try:
            before = parse_json(stored.read_bytes()) if stored.exists() else {}
        except (OSError, ValueError) as error:
            raise PrismganError(f"{stored}: cannot be read ({error}); delete it to begin new entries") from None
        ids: dict[str, str] = {}
        for name in self._names:
            try:
                self._trackers.append(tracker := _started(name, title, self._run, before.get(name), step))
                ids[name] = _identity(tracker)
            except Exception as error:  # whatever a library, or a server, raises
                failed = f"{name} cannot start ({reason_of(error)})"
                raise PrismganError(f"training.trackers: {failed}; set it up, or remove it from the recipe") from error
        self._run.write_json(stored.name, ids)
        text = self._run.recipe.read_text(encoding="utf-8")

        def store(tracker: Any) -> None:
            if tracker.name == "tensorboard":  # which would create a new folder for the hyperparameters each time
                tracker.log({"recipe": f"```yaml\n{text}```"}, step=step)
            elif tracker.name == "mlflow":
                if tracker.name not in before:  # parameters may not change, but a resumed run may be longer
                    tracker.store_init_configuration(flat(recipe))
                tracker.log_artifact(str(self._run.recipe))
            else:
                tracker.store_init_configuration(dict(recipe))

        self._each(store)

    def log(self, line: Mapping[str, Any]) -> None:
        values = {key: float(value) for key, value in line.items() if key != "step" and value is not None}
        # Trackio reserves the name "time".
        renamed = {"seconds" if key == "time" else key: value for key, value in values.items()}
        self._each(lambda tracker: tracker.log(renamed if tracker.name == "trackio" else values, step=line["step"]))

    def sheet(self, path: Path, sheet: Image.Image, step: int) -> None:

        def show(tracker: Any) -> None:
            if tracker.name == "tensorboard":
                tracker.log_images({"samples": np.asarray(sheet)[None]}, step=step, dataformats="NHWC")
            elif tracker.name == "wandb":
                tracker.log_images({"samples": [sheet]}, step=step)
            elif tracker.name == "mlflow":
                tracker.log_artifact(str(path), "samples")
            else:
                import trackio

                tracker.log({"samples": trackio.Image(path)}, step=step)

        self._each(show)

    def finish(self) -> None:
        self._each(lambda tracker: tracker.finish())
        self._trackers.clear()

    def _each(self, call: Callable[[Any], None]) -> None:
        for tracker in list(self._trackers):
            try:
                call(tracker)
            except Exception as error:  # whatever a library, or a server, raises: the training is worth more
                self._trackers.remove(tracker)
                left_out = f"{tracker.name} failed and is left out from here on ({reason_of(error)})"
                self._tell(f"training.trackers: {left_out}")


def _started(name: TrackerName, title: str, run: Run, identity: str | None, step: int) -> Any:
    from accelerate import tracking

    label = run.folder.resolve().name
    title = re.sub(r"[^\w .-]", "-", title)  # W&B allows few characters in project names
    tracker: Any
    if name == "tensorboard":
        tracker = tracking.TensorBoardTracker(name, run.folder, purge_step=step + 1 if step else None)
    elif name == "wandb":
        tracker = tracking.WandBTracker(title, name=label, dir=run.folder, id=identity, resume="allow")
    elif name == "trackio":
        tracker = tracking.TrackioTracker(title, name=identity or label, resume="allow" if identity else "never")
    else:
        tracker = tracking.MLflowTracker(title, run_name=label, run_id=identity)
    tracker.start()
    return tracker


def _identity(tracker: Any) -> str:
    if tracker.name == "tensorboard":
        return str(tracker.name)  # the folder
    if tracker.name == "trackio":
        return str(tracker.tracker.name)
    return str(tracker.tracker.info.run_id if tracker.name == "mlflow" else tracker.tracker.id)


def flat(values: Mapping[str, Any], path: str = "") -> dict[str, str]:
    """Nested settings by their paths, for example ``training.steps``."""
    leaves: dict[str, str] = {}
    for key, value in values.items():
        here = f"{path}.{key}" if path else str(key)
        leaves |= flat(parts, here) if (parts := parts_of(value)) else {here: str(value)}
    return leaves
