"""The header of a weights file: its tasks, and the kind and sizes of its networks."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializeAsAny, ValidationInfo, field_validator
from torch import nn

from prismgan.config import Config
from prismgan.networks import KINDS, GeneratorSizes, HeadSpec, TaskGenerator, TaskName

FORMAT = 3  # version of the file's layout and of the networks in it; a file of another version is refused
ROMAN = re.compile(r"[ivx]{2,}")
NO_LOOKS = ("restore", "super_resolution", "paired")
"""Kinds whose outputs are no looks: they restore, enlarge, or learn from pairs. All other kinds draw or paint."""


class HeadEntry(Config):
    name: TaskName
    kind: str
    scale: Literal[1, 2, 4]
    fine: bool
    latent: bool
    blocks: Annotated[int, Field(ge=0, le=16)] | None = None  # of the head; None for ``head_blocks``
    additive: bool = True  # whether the head's output is added to the source
    smooth: bool = False  # whether a fine head doubles its maps step by step and blurs its residual
    ink: bool = False  # whether the head multiplies its colours by ink

    @property
    def is_look(self) -> bool:
        """Whether the output is a drawing or painting of the photo."""
        return self.kind not in NO_LOOKS

    @property
    def title(self) -> str:
        """The name as a page shows it, for example ``Composition VII`` for ``composition-vii``."""
        words = (word.upper() if ROMAN.fullmatch(word) else word for word in self.name.capitalize().split("-"))
        return " ".join(words)

    def shown(self) -> dict[str, Any]:
        own = self.model_dump(include={"name", "kind", "scale", "fine"})
        return {**own, "title": self.title, "varies": self.latent}

    @classmethod
    def of(cls, task: object) -> Self:
        """The entry of a task, which has attributes of the same names."""
        return cls(**{field: getattr(task, field) for field in cls.model_fields})

    def spec(self) -> HeadSpec:
        """The part of the entry that the generator needs."""
        return HeadSpec(**self.model_dump(exclude={"kind"}))


class Header(Config):
    format: int
    title: str
    step: int
    tasks: tuple[HeadEntry, ...]
    kind: str = "prism"  # of the model, as the recipe names it
    generator: SerializeAsAny[GeneratorSizes]  # of the class that :data:`prismgan.networks.KINDS` lists for the kind
    recipe: dict[str, Any]  # the resolved recipe of the training

    @field_validator("generator", mode="before")
    @classmethod
    def _of_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        kind = KINDS.get(info.data.get("kind", ""))
        if kind is None:
            raise ValueError("belongs to an unknown kind of model")
        return kind.sizes.model_validate(value)

    def make_networks(self) -> dict[str, nn.Module]:
        """The described generator and the networks trained with it, by name; untrained."""
        specs = [entry.spec() for entry in self.tasks]
        return {"generator": self.make_generator(), **KINDS[self.kind].helpers(self.generator, specs)}

    def make_generator(self) -> TaskGenerator:
        """The described generator, untrained."""
        return KINDS[self.kind].generator(self.generator, [entry.spec() for entry in self.tasks])
