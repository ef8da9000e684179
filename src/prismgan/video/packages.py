"""The optional packages that clips need."""

from __future__ import annotations

from importlib.util import find_spec

from prismgan.errors import PrismganError

__all__ = ["PACKAGES", "require"]

PACKAGES = {"av": "av", "cv2": "opencv-python-headless"}
"""Modules that are needed here, imported where they are used, and the packages that they are in."""


def require(*modules: str) -> None:
    """Refuse early and clearly where an optional package is missing.

    Raises:
        PrismganError: one of these modules cannot be imported.
    """
    for module in modules:
        if find_spec(module) is None:
            raise PrismganError(f"clips need the package {PACKAGES[module]}; pip install 'prismgan[video]'")
