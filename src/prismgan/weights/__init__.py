"""The weights file, its edits, and files of feature networks; prismgan's own weights files are here, too. This package
depends only on networks: it treats the recipe in a weights file as plain text."""

from prismgan.weights.edit import add_head, check_no_task_lost, free_name, remove_tasks, rename_task
from prismgan.weights.features import default_features, find_features, load_features, load_squeeze, read_tensors
from prismgan.weights.file import Weights, default_weights, find_weights, load_weights, save_weights
from prismgan.weights.header import FORMAT, HeadEntry, Header

__all__ = ["HeadEntry", "Header", "Weights", "load_weights", "save_weights"]
