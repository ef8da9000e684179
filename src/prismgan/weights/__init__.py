"""The weights file, its edits, and files of feature networks; the files that come with prismgan lie here too.

This package knows networks alone: the recipe in a weights file is plain text to it.
"""

from prismgan.weights.edit import add_head, check_no_task_lost, free_name, remove_tasks, rename_task
from prismgan.weights.features import default_features, find_features, load_features, load_squeeze, read_tensors
from prismgan.weights.file import READY_MADE, Weights, default_weights, find_weights, load_weights, save_weights
from prismgan.weights.header import FORMAT, HeadEntry, Header

__all__ = [
    "FORMAT",
    "READY_MADE",
    "HeadEntry",
    "Header",
    "Weights",
    "add_head",
    "check_no_task_lost",
    "default_features",
    "default_weights",
    "find_features",
    "find_weights",
    "free_name",
    "load_features",
    "load_squeeze",
    "load_weights",
    "read_tensors",
    "remove_tasks",
    "rename_task",
    "save_weights",
]
