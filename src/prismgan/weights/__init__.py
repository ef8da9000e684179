"""The weights file and its edits, files of feature networks, and the weights files that prismgan includes. The package
does not depend on tasks or recipes: it treats the recipe in a weights file as plain data."""

from prismgan.weights.edit import add_head, check_no_task_lost, free_name, remove_tasks, rename_task
from prismgan.weights.features import default_features, find_features, load_features, load_squeeze, read_tensors
from prismgan.weights.file import Weights, default_weights, find_weights, load_weights, save_weights
from prismgan.weights.header import FORMAT, HeadEntry, Header

__all__ = ["HeadEntry", "Header", "Weights", "load_weights", "save_weights"]
