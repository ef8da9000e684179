"""The base of everything a recipe is made of: frozen, documented, and strict about its keys."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from prismgan.errors import nearest

__all__ = ["Config"]


class Config(BaseModel):
    """A frozen part of a recipe. An unknown key is refused together with the nearest known one."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for key in value:
                if key not in cls.model_fields:
                    known = ", ".join(cls.model_fields)
                    hint = nearest(str(key), cls.model_fields)
                    raise ValueError(f"unknown key {key!r}{hint} (known: {known})")
        return value
