"""`prismgan compare`: several models on one recipe at the same budget, with several seeds, and what that shows."""

from prismgan.comparison.run import compare
from prismgan.comparison.variants import JOINT, MODELS, Axis, find_variants

__all__ = ["JOINT", "MODELS", "Axis", "compare", "find_variants"]
