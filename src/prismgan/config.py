"""The base class of all parts of a recipe: frozen, documented, and strict about its keys."""

from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from prismgan.errors import nearest, shortened

BUILT_IN = "builtin:"  # prefix of the names of built-in pictures and collections


def located(reference: str, base: Path) -> str:
    """A relative path made absolute against ``base``; built-in names stay as they are."""
    return reference if reference.startswith(BUILT_IN) else str(base / Path(reference).expanduser())


Reference = Annotated[
    str, AfterValidator(lambda text, info: located(text, info.context["base"]) if info.context else text)
]
"""A path, or a built-in picture's name. Paths are relative to the ``base`` of the validation's context, if any."""


class Config(BaseModel):
    """A frozen part of a recipe. Errors for unknown keys name the nearest known one, and ``true`` is not a number."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True, protected_namespaces=()
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys_and_truth_values_as_numbers(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for key in value:
            if key not in cls.model_fields:
                raise ValueError(f"unknown key {shortened(repr(key))}{nearest(str(key), cls.model_fields, 'known')}")
        # Pydantic reads true as 1, but refuses the word "true", with the place in its error.
        kinds = {key: _types(field.annotation) for key, field in cls.model_fields.items()}
        return {key: part if {bool, str} & kinds[key] else _truth_in_words(part) for key, part in value.items()}


def _truth_in_words(value: Any) -> Any:
    """A boolean, or those in a list, as the words ``true`` and ``false``."""
    if isinstance(value, list | tuple):
        return type(value)(str(each).lower() if isinstance(each, bool) else each for each in value)
    return str(value).lower() if isinstance(value, bool) else value


def _types(annotation: Any) -> set[Any]:
    return {annotation}.union(*map(_types, get_args(annotation)))
