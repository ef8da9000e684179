"""Checking of the package's annotations while tests run; :mod:`conftest` installs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintException

__all__ = ["checked"]

CHECK = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""A whole number may stand for a float."""


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which raises where an argument or result is not as annotated.

    A few are left as they are: ``Self`` has no meaning for a function by itself, and a protocol may not be checkable.
    """
    try:
        return CHECK(function)
    except BeartypeDecorHintException:
        return function
