"""The weights file, its edits, and files of feature networks; the files that come with prismgan lie here too.

This package knows networks alone: the recipe in a weights file is plain text to it.
"""

from prismgan.weights.edit import add_head as add_head
from prismgan.weights.edit import check_no_task_lost as check_no_task_lost
from prismgan.weights.edit import free_name as free_name
from prismgan.weights.edit import remove_tasks as remove_tasks
from prismgan.weights.edit import rename_task as rename_task
from prismgan.weights.features import default_features as default_features
from prismgan.weights.features import find_features as find_features
from prismgan.weights.features import load_features as load_features
from prismgan.weights.features import load_squeeze as load_squeeze
from prismgan.weights.features import read_tensors as read_tensors
from prismgan.weights.file import Weights as Weights
from prismgan.weights.file import default_weights as default_weights
from prismgan.weights.file import find_weights as find_weights
from prismgan.weights.file import load_weights as load_weights
from prismgan.weights.file import save_weights as save_weights
from prismgan.weights.header import FORMAT as FORMAT
from prismgan.weights.header import HeadEntry as HeadEntry
from prismgan.weights.header import Header as Header
