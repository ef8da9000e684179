"""The kinds of task. To add one, write a file with a :class:`TaskEntry`, and import it below."""

from prismgan.tasks.base import Derived, Exemplar, Paired, PictureName, Task, TaskEntry, Unpaired, made_of_photo
from prismgan.tasks.paired import DerivedEntry
from prismgan.tasks.unpaired import Style

KINDS: tuple[type[TaskEntry], ...] = tuple(
    sorted(TaskEntry.__subclasses__(), key=lambda kind: str(kind.model_fields["kind"].default))
)
"""All kinds: the imports above are the list."""
