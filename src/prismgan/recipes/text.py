"""The text of a recipe: YAML that refuses what is ambiguous, and settings from the command line."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from typing import Any

import yaml

from prismgan.errors import RecipeError, nearest

__all__ = ["StrictLoader", "override"]


def override(raw: dict[str, Any], setting: str) -> str:
    """Change one value of a recipe's raw content by ``path=value``.

    Returns:
        The path with numbers for names: what is called ``tasks.restore.weight`` may be ``tasks.0.weight``.

    Raises:
        RecipeError: it has not this form, or there is no such place.
    """
    path, equals, text = setting.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise RecipeError(f"setting {setting}: expected path=value, as in training.steps=100")
    try:
        value = yaml.load(text, Loader=StrictLoader)
    except (yaml.YAMLError, ValueError):
        raise RecipeError(f"setting {setting}: the value is not valid YAML") from None
    place: Any = raw
    found: list[str] = []
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if isinstance(place, list):
            number = _number(place, key, setting)
            if last:
                raise RecipeError(f"setting {setting}: say which key of {key!r} to set")
            place = place[number]
            found.append(str(number))
            continue
        found.append(key)
        if not isinstance(place, dict):
            raise RecipeError(f"setting {setting}: {'.'.join(keys[:depth])} has no keys")
        if last:
            place[key] = value
        else:
            if place.get(key) is None:
                place[key] = {}
            place = place[key]
    return ".".join(found)


def _number(entries: Sequence[Any], key: str, setting: str) -> int:
    """Of a task or condition that is given by its name, or of any entry that is given by its number."""
    if key.isdecimal() and int(key) < len(entries):
        return int(key)
    names = {str(entry.get("name")): number for number, entry in enumerate(entries) if isinstance(entry, dict)}
    if key not in names:
        known = ", ".join(names)
        raise RecipeError(f"setting {setting}: nothing is named {key!r}{nearest(key, names)} (there is: {known})")
    return names[key]


class StrictLoader(yaml.SafeLoader):
    """YAML in which a key that is given twice is a fault, not a silent choice, and 1e-3 is a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        for key, _ in reversed(node.value):
            if keys.count(key.value) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is given twice", key.start_mark
                )
        return super().construct_mapping(node, deep)


# Plain YAML 1.1 takes 1e-3 for a string.
StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+0123456789.")
)
