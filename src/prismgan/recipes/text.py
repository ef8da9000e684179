"""Recipes as text: strict YAML with settings from the command line, errors that name the place, and differences."""

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from prismgan import recipes
from prismgan.errors import RecipeError, nearest, shortened
from prismgan.models import MODELS
from prismgan.recipes.recipe import Recipe
from prismgan.tasks import KINDS

MOST_FAULTS = 50  # maximum number of faults that are listed


def load(path: Path, overrides: Iterable[str] = ()) -> Recipe:
    """Read a recipe from a file, or a built-in one as ``recipe:NAME``, with settings such as ``training.steps=100`` or
    ``tasks.restore.weight=2``. Relative paths are relative to the recipe's folder, or to the current folder for
    built-in recipes. Raises RecipeError if the file is missing, is not YAML, or does not describe a training."""
    if str(path).startswith(recipes.PREFIX):
        return parse(recipes.read_built_in(str(path)), origin=str(path), base=Path.cwd(), overrides=overrides)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        hint = f"; did you mean {recipes.PREFIX}{path.stem}?" if path.stem in recipes.built_in() else ""
        raise RecipeError(f"{path}: no such recipe{hint}") from None
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read as a recipe ({error.strerror})") from None
    except UnicodeDecodeError:
        raise RecipeError(f"{path}: is not a recipe, which is text in UTF-8") from None
    return parse(text, origin=str(path), base=path.parent.resolve(), overrides=overrides)


def parse(text: str, *, origin: str, base: Path, overrides: Iterable[str] = ()) -> Recipe:
    """A recipe from YAML text; ``origin`` names it in errors, and relative paths are relative to ``base``."""
    try:
        raw = read_yaml(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{origin}:{mark.line + 1}" if mark else origin
        raise RecipeError(f"{where}: is not valid YAML ({getattr(error, 'problem', error)})") from None
    if not isinstance(raw, dict):
        raise RecipeError(f"{origin}: expected a mapping with the keys {', '.join(Recipe.model_fields)}")
    places = [(override(raw, setting), setting) for setting in overrides]
    try:
        return Recipe.model_validate(raw, context={"base": base})
    except ValidationError as error:
        lines = [f"{_blamed(line, origin, places)}: {line}" for line in _explain(error)]
        more = [f"{origin}: {len(lines) - MOST_FAULTS} more faults"] if len(lines) > MOST_FAULTS else []
        raise RecipeError(*lines[:MOST_FAULTS], *more) from None


def to_yaml(recipe: Recipe) -> str:
    """The whole recipe, including defaults, which reproduces a run."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def schema() -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Recipe.model_json_schema()}


def differences(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> list[str]:
    """Paths at which two dumped recipes differ, with both values."""
    changes = []
    for key in {**old, **new}:
        before, after = old.get(key), new.get(key)
        here = f"{path}.{key}" if path else key
        before_parts, after_parts = parts_of(before), parts_of(after)
        if not before_parts or not after_parts:
            changes += [] if before == after else [f"{here} ({before!r} -> {after!r})"]
        elif isinstance(before, list) and list(before_parts) != list(after_parts):
            changes.append(f"{here} ({', '.join(before_parts)} -> {', '.join(after_parts)})")
        else:
            changes += differences(before_parts, after_parts, here)
    return changes


def parts_of(value: Any) -> Mapping[str, Any]:
    """The parts of a dumped recipe, or its YAML: fields by key, entries of a list by name or number; else none."""
    if isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
        return {str(entry.get("name", number)): entry for number, entry in enumerate(value)}
    return value if isinstance(value, dict) else {}


def _blamed(line: str, origin: str, places: Sequence[tuple[str, str]]) -> str:
    """The origin of a fault: the recipe, or a setting that overrides it, the last setting of a place first."""
    line = line.removeprefix("recipe: ")
    for path, setting in reversed(places):
        keys = path.split(".")
        above = (".".join(keys[:depth]) for depth in range(len(keys)))
        unknown = (f"{one}: unknown key {key!r}".removeprefix(": ") for one, key in zip(above, keys, strict=True))
        if line.startswith((f"{path}:", f"{path}.", *unknown)):
            return f"setting {setting}"
    return origin


def _explain(error: ValidationError) -> list[str]:
    """One line for every fault: where, what, and what is allowed."""
    lines = []
    faults = error.errors(include_url=False)
    for fault in faults:
        # A list whose entries are all faulty is also reported as too short.
        if fault["type"] == "too_short" and any(
            other["loc"][: len(fault["loc"])] == fault["loc"] != other["loc"] for other in faults
        ):
            continue
        # Pydantic includes the kind of a task or model in the path, which the user did not write.
        of_model = fault["loc"][:1] == ("model",)
        kinds = set(MODELS) if of_model else {str(kind.model_fields["kind"].default) for kind in KINDS}
        place = 1 if of_model else 2
        parts = [str(part) for index, part in enumerate(fault["loc"]) if not (index == place and part in kinds)]
        where = ".".join(parts) or "recipe"
        given = fault.get("input")
        context = fault.get("ctx", {})
        if fault["type"] == "union_tag_invalid":
            given = str(context["tag"])
            lines.append(f"{where}.kind: unknown kind {given!r}{nearest(given, sorted(kinds), 'known')}")
        elif fault["type"] == "union_tag_not_found":
            lines.append(f"{where}.kind: is missing (one of {', '.join(sorted(kinds))})")
        elif fault["type"] == "literal_error":
            allowed = str(context["expected"]).replace("'", "")
            hint = nearest(str(given), allowed.replace(" or ", ", ").split(", "))
            lines.append(f"{where}: {given!r} is not allowed{hint} (one of: {allowed})")
        elif fault["type"] == "missing":
            lines.append(f"{where}: is missing")
        elif fault["type"] == "too_short":
            lines.append(f"{where}: expected at least {context['min_length']}, found {context['actual_length']}")
        elif fault["type"] == "tuple_type":
            lines.append(f"{where}: expected a list, for example [a, b], found {shortened(repr(given))}")
        elif fault["type"] in ("model_type", "model_attributes_type"):
            lines.append(f"{where}: expected a mapping, for example {{key: value}}, found {shortened(repr(given))}")
        elif fault["type"] == "value_error":
            lines.append(f"{where}: {fault['msg'].removeprefix('Value error, ')}")
        else:
            shown = "" if isinstance(given, dict | list) else f", found {shortened(repr(given))}"
            lines.append(f"{where}: {fault['msg'][0].lower()}{fault['msg'][1:]}{shown}")
    return lines


def override(raw: dict[str, Any], setting: str) -> str:
    """Change a value of a raw recipe by ``path=value``; returns the path with numbers for names: ``tasks.0.weight``."""
    path, equals, text = setting.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise RecipeError(f"setting {setting}: expected path=value, for example training.steps=100")
    try:
        value = read_yaml(text)
    except yaml.YAMLError:
        raise RecipeError(f"setting {setting}: the value is not valid YAML") from None
    place: Any = raw
    parts: list[str] = []
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if isinstance(place, list):
            number = _number(place, key, setting)
            if last:
                raise RecipeError(f"setting {setting}: say which key of {key!r} to set")
            place = place[number]
            parts.append(str(number))
        elif isinstance(place, dict):
            parts.append(key)
            if last:
                place[key] = value
            elif place.get(key) is None:
                place[key] = {}
            place = place[key]
        else:
            raise RecipeError(f"setting {setting}: {'.'.join(keys[:depth])} has no keys")
    return ".".join(parts)


def _number(entries: Sequence[Any], key: str, setting: str) -> int:
    """The number of a task or condition given by its name, or of any entry given by its number."""
    if key.isdecimal() and int(key) < len(entries):
        return int(key)
    names = {str(entry.get("name")): number for number, entry in enumerate(entries) if isinstance(entry, dict)}
    if key not in names:
        raise RecipeError(f"setting {setting}: nothing is named {key!r}{nearest(key, names, 'the names are')}")
    return names[key]


def read_yaml(text: str) -> Any:
    """The value of a YAML text, of any type; YAMLError if it is invalid."""
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except RecursionError:
        raise yaml.YAMLError("it is nested too deeply") from None
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError) as error:
        # Errors of yaml's own constructors, for example for an impossible date.
        fault = "a value does not have the type that its form or tag implies"
        raise yaml.YAMLError(f"{fault}: {shortened(str(error))}") from None


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a repeated key is an error, and 1e-3 is a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    problem = f"the key {shortened(repr(key.value))} is given twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


# Plain YAML 1.1 reads 1e-3 as a string.
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+0123456789.")
)
