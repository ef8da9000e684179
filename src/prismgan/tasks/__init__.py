"""The kinds of task. To add one: a file with a :class:`TaskEntry`, and one line below that imports it."""

from prismgan.tasks.base import (
    Derived,
    Exemplar,
    LossTerm,
    Paired,
    PictureName,
    Target,
    Task,
    TaskEntry,
    Unpaired,
    made_of_photo,
)
from prismgan.tasks.cartoon import Cartoon as Cartoon
from prismgan.tasks.derived import DerivedEntry as DerivedEntry
from prismgan.tasks.paired import PairedEntry as PairedEntry
from prismgan.tasks.restore import Restore as Restore
from prismgan.tasks.style import Style as Style
from prismgan.tasks.super_resolution import SuperResolution as SuperResolution
from prismgan.tasks.unpaired import UnpairedEntry as UnpairedEntry

__all__ = [
    "KINDS",
    "Derived",
    "Exemplar",
    "LossTerm",
    "Paired",
    "PictureName",
    "Target",
    "Task",
    "TaskEntry",
    "Unpaired",
    "made_of_photo",
]

KINDS: tuple[type[TaskEntry], ...] = tuple(
    value
    for value in list(globals().values())
    if isinstance(value, type) and issubclass(value, TaskEntry) and value is not TaskEntry
)
"""Every kind that is imported above: the imports are the list."""
