"""`prismgan compare`: several models on one recipe at the same budget, with several seeds, and what that shows."""

from prismgan.comparison.contenders import JOINT, MODELS, Axis, find_contenders
from prismgan.comparison.run import compare

__all__ = ["JOINT", "MODELS", "Axis", "compare", "find_contenders"]
