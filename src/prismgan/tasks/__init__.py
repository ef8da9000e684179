"""The kinds of task. To add one: a file with a :class:`TaskEntry`, and one line in ``KINDS``."""

from prismgan.tasks.base import (
    Derived,
    Exemplar,
    LossTerm,
    Paired,
    Picture,
    Target,
    Task,
    TaskEntry,
    Unpaired,
)
from prismgan.tasks.cartoon import Cartoon
from prismgan.tasks.derived import DerivedEntry
from prismgan.tasks.paired import PairedEntry
from prismgan.tasks.restore import Restore
from prismgan.tasks.style import Style
from prismgan.tasks.super_resolution import SuperResolution
from prismgan.tasks.unpaired import UnpairedEntry

__all__ = [
    "KINDS",
    "Derived",
    "Exemplar",
    "LossTerm",
    "Paired",
    "Picture",
    "Target",
    "Task",
    "TaskEntry",
    "Unpaired",
]

KINDS: tuple[type[TaskEntry], ...] = (
    Restore,
    SuperResolution,
    Style,
    Cartoon,
    DerivedEntry,
    PairedEntry,
    UnpairedEntry,
)
