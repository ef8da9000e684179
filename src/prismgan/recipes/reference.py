"""The recipe reference in Markdown, generated from the JSON schema: the fields, their constraints and docstrings."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from prismgan.data import builtin
from prismgan.models import MODELS, ModelConfig
from prismgan.recipes import yaml_value
from prismgan.recipes.text import schema
from prismgan.tasks import KINDS, TaskEntry

Schema = Mapping[str, Any]


def reference() -> str:
    """The page: a table for every section of a recipe, in the order in which a recipe has them."""
    template = Path(__file__).with_suffix(".md").read_text(encoding="utf-8")
    return template.format(sections="\n\n".join(_Page(schema()).sections()), pictures="\n".join(_builtins()))


def _builtins() -> Iterator[str]:
    """The names that are valid after ``builtin:``."""
    for name, members in builtin.COLLECTIONS.items():
        yield f"- `builtin:{name}`: {', '.join(members)}"
    digits = ", ".join(f"`builtin:{name}`" for name in builtin.DIGITS)
    yield f"- {digits}: about 180 handwritten pictures of each digit, named digit-0-000 and so on"
    collected = {name for members in builtin.COLLECTIONS.values() for name in members}
    graphics = builtin.GRAPHICS.removeprefix(builtin.PREFIX)
    others = [name for name in (*builtin.PHOTOS, *builtin.DRAWINGS, graphics) if name not in collected]
    yield f"- in no collection: {', '.join(others)}"


class _Union(NamedTuple):
    """The kinds allowed at one place of a recipe."""

    noun: str
    kinds: Mapping[str, type[BaseModel]]
    base: type[BaseModel]  # class with the fields that all kinds share
    required: Sequence[str]

    @property
    def definitions(self) -> set[str]:
        return {kind.__name__ for kind in self.kinds.values()}

    def fields(self, definitions: Collection[str]) -> dict[str, Schema]:
        """The fields that all kinds share, except those that each kind defines differently."""
        fields: Mapping[str, Schema] = self.base.model_json_schema()["properties"]
        kind = {"enum": list(self.kinds), "description": f"The kind of {self.noun}, see below."}
        if "kind" not in self.required:
            kind["default"] = next(iter(self.kinds))
        common = {key: field for key, field in fields.items() if all(n in definitions for n, _ in _references(field))}
        return {**common, "kind": kind}


class _Page:
    def __init__(self, whole: Schema) -> None:
        self.whole = whole
        self.definitions: Mapping[str, Schema] = whole["$defs"]
        tasks = {str(kind.model_fields["kind"].default): kind for kind in KINDS}
        models = {name: model.config_type for name, model in MODELS.items()}
        self.unions = (_Union("task", tasks, TaskEntry, ["name", "kind"]), _Union("model", models, ModelConfig, []))
        self.headings = self._headings()

    def sections(self) -> Iterator[str]:
        """Each section as Markdown, without a final newline."""
        yield f"## The recipe\n\n{self._table(self.whole)}"
        common: dict[str, dict[str, Schema]] = {}
        for name, heading in self.headings.items():
            definition, skipped = self.definitions[name], set[str]()
            for union in self.unions:
                if name not in union.definitions:
                    continue
                if union.noun not in common:
                    fields = common[union.noun] = union.fields(self.definitions)
                    about = "Fields of every kind. The table of each kind follows, including defaults that differ."
                    table = self._table({"properties": fields, "required": union.required})
                    yield f"## Every {union.noun}\n\n{about}\n\n{table}"
                own = definition["properties"]
                skipped = {key for key in own if key == "kind" or common[union.noun].get(key) == own[key]}
            yield f"## {heading}\n\n{_line(definition['description'])}\n\n{self._table(definition, skipped)}"

    def _headings(self) -> dict[str, str]:
        """Heading of every definition, in the order of a recipe; a definition used in several places lists them all."""
        places: dict[str, dict[str, list[str]]] = {}

        def visit(properties: Mapping[str, Schema], place: str, kind: str | None) -> None:
            for key, field in properties.items():
                here = f"{place}.{key}" if place else key
                for name, within in _references(field):
                    known, inner = name in places, self.definitions[name]["properties"]
                    within_kind = inner.get("kind", {}).get("const") or kind
                    kinds = places.setdefault(name, {}).setdefault(here + within, [])
                    kinds += [within_kind] if within_kind else []
                    if not known:
                        visit(inner, here + within, within_kind)

        visit(self.whole["properties"], "", None)
        return {
            name: " and ".join(place + self._of_kinds(kinds) for place, kinds in several.items())
            for name, several in places.items()
        }

    def _of_kinds(self, kinds: list[str]) -> str:
        """The suffix of a heading for a place that exists only in some kinds."""
        if not kinds or any(kinds == list(union.kinds) for union in self.unions):
            return ""
        return " of kind " + " or ".join(filter(None, (", ".join(kinds[:-1]), kinds[-1])))

    def _table(self, definition: Schema, skipped: Collection[str] = ()) -> str:
        rows = ["| field | type | default | meaning |", "|---|---|---|---|"]
        required = definition.get("required", ())
        for key, field in definition["properties"].items():
            if key in skipped:
                continue
            default = "required" if key in required else self._default(field)
            cells = (f"`{key}`", self._type(field), default, self._meaning(field))
            rows.append("| " + " | ".join(_line(cell).replace("|", "\\|") for cell in cells) + " |")
        return "\n".join(rows)

    def _type(self, field: Schema) -> str:
        if "$ref" in field:
            heading = self.headings[_name(field)]
            return f"[{heading}](#{_anchor(heading)})"
        if "anyOf" in field:
            return "; or ".join(self._type(option) for option in field["anyOf"])
        if "oneOf" in field:
            named = {name for name, _ in _references(field)}
            union = next(union for union in self.unions if named == union.definitions)
            return f"[{union.noun}](#{_anchor(f'Every {union.noun}')})"
        if "const" in field:
            return f"`{field['const']}`"
        if "enum" in field:
            return ", ".join(f"`{yaml_value(value)}`" for value in field["enum"])
        if "prefixItems" in field:
            return f"list of {len(field['prefixItems'])}: {self._type(field['prefixItems'][0])}"
        if field["type"] == "array":
            least, most = field.get("minItems", 0), field.get("maxItems")
            count = f" of {least} to {most}" if most is not None else " of one or more" if least == 1 else ""
            return f"list{count}: {self._type(field['items'])}"
        if field["type"] == "object":
            return f"mapping from text to: {self._type(field['additionalProperties'])}"
        if field["type"] == "string":
            return "text" + (f", at most {field['maxLength']} characters" if "maxLength" in field else "")
        if field["type"] in ("integer", "number"):
            return ("whole number" if field["type"] == "integer" else "number") + _range(field)
        return {"boolean": "`true` or `false`", "null": "`null`"}[field["type"]]

    def _default(self, field: Schema) -> str:
        if "$ref" in field or ("oneOf" in field and "default" in field):
            return "its defaults"
        if "default" not in field:
            raise ValueError(f"{field}: is not required and has no default")
        value = field["default"]
        if isinstance(value, list) and "$ref" in field.get("items", {}):  # described in its own section
            known = self.definitions[_name(field["items"])]["properties"]
            value = [{k: v for k, v in item.items() if v != known[k].get("default")} for item in value]
        return f"`{yaml_value(value)}`"

    def _meaning(self, field: Schema) -> str:
        # Pydantic omits a field's description if it equals that of its section.
        text = field.get("description") or ("$ref" in field and self.definitions[_name(field)].get("description"))
        if text:
            return str(text)
        if "const" in field:
            return "The kind."
        raise ValueError(f"{field}: has no docstring")


def _references(field: Schema) -> Iterator[tuple[str, str]]:
    """Definitions that a field refers to, with ``[]`` where it holds a list of them."""
    if "$ref" in field:
        yield _name(field), ""
    for option in (*field.get("anyOf", ()), *field.get("oneOf", ())):
        yield from _references(option)
    if "items" in field:
        yield from ((name, f"[]{within}") for name, within in _references(field["items"]))


def _name(field: Schema) -> str:
    return str(field["$ref"]).rpartition("/")[2]


def _range(field: Schema) -> str:
    low, above = field.get("minimum"), field.get("exclusiveMinimum")
    high, below = field.get("maximum"), field.get("exclusiveMaximum")
    if field["type"] == "integer":
        low, above = (low if above is None else above + 1), None
        high, below = (high if below is None else below - 1), None
    if low is not None and high is not None:
        return f", {low} to {high}"
    signs = (("at least", low), ("above", above), ("at most", high), ("below", below))
    return "".join(f", {sign} {limit}" for sign, limit in signs if limit is not None)


def _line(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _anchor(heading: str) -> str:
    """The anchor that code hosts give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
