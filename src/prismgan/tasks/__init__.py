"""The kinds of task. To add one: a file with a :class:`TaskEntry`, and one line below that imports it."""

from prismgan.tasks.base import Derived, Exemplar, Paired, PictureName, Task, TaskEntry, Unpaired, made_of_photo
from prismgan.tasks.paired import DerivedEntry
from prismgan.tasks.unpaired import Style

KINDS: tuple[type[TaskEntry], ...] = tuple(
    sorted(TaskEntry.__subclasses__(), key=lambda kind: str(kind.model_fields["kind"].default))
)
"""Every kind of the files imported above: the imports are the list."""
