"""A recipe that says nothing of the machine that trained with it."""

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import Any

__all__ = ["portable"]


def portable(content: Any, base: Path) -> Any:
    """The same dumped recipe, with every absolute path in it relative to ``base``, the folder of the recipe file.

    It is read back as it was by a recipe file that lies there. What lies beside the folder begins with ``..``. Nothing
    is known here of which fields are paths: whatever looks like an absolute one is.

    Args:
        content: dictionaries, lists and plain values, as of ``recipe.model_dump(mode="json")``.
        base: an absolute folder.
    """
    if isinstance(content, dict):
        return {key: portable(value, base) for key, value in content.items()}
    if isinstance(content, list):
        return [portable(value, base) for value in content]
    if isinstance(content, str) and PurePath(content).is_absolute():
        return Path(os.path.relpath(content, base)).as_posix()
    return content
