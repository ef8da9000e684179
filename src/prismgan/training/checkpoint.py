"""Checkpoints: everything that the next step depends on, in one file that is replaced as a whole.

What is random in a step (pictures, crops, degradations, latents, drawn tasks) is a function of the seed and the step,
so the position is the step. The random states of the libraries are stored too, for what users may add.
"""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from prismgan.errors import WeightsError
from prismgan.files import replace_file
from prismgan.models.gradients import from_first

FORMAT = 1


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` and the libraries' random states; where that fails, the file before is untouched."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "random": _random_states(), **state}, buffer)
    replace_file(path, buffer.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint and set the libraries' random states to what they were. Of several processes the first one
    reads the file.

    Raises:
        WeightsError: it is missing, damaged, or of another version.
    """
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
    """States of the global random number generators of Python, numpy and torch."""
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
