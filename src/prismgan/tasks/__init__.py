"""The kinds of task. To add one: a file with a :class:`TaskEntry`, and one line below that imports it."""

from prismgan.tasks.base import Derived as Derived
from prismgan.tasks.base import Exemplar as Exemplar
from prismgan.tasks.base import LossTerm as LossTerm
from prismgan.tasks.base import Paired as Paired
from prismgan.tasks.base import PictureName as PictureName
from prismgan.tasks.base import Task as Task
from prismgan.tasks.base import TaskEntry as TaskEntry
from prismgan.tasks.base import Unpaired as Unpaired
from prismgan.tasks.base import made_of_photo as made_of_photo
from prismgan.tasks.paired import DerivedEntry as DerivedEntry
from prismgan.tasks.unpaired import Style as Style

KINDS: tuple[type[TaskEntry], ...] = tuple(
    sorted(TaskEntry.__subclasses__(), key=lambda kind: str(kind.model_fields["kind"].default))
)
"""Every kind of the files imported above: the imports are the list."""
