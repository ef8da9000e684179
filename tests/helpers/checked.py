"""Checking of the package's annotations while tests run; :mod:`conftest` installs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintException

__all__ = ["checked"]

CHECK = beartype(conf=BeartypeConf(is_pep484_tower=True))
"""An integer may stand for a float."""


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with a check that arguments and result match the annotations.

    A few stay unchecked: ``Self`` has no meaning for a function by itself, and some protocols are not checkable.
    """
    try:
        return CHECK(function)
    except BeartypeDecorHintException:
        return function
