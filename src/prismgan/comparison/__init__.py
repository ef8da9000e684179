"""`prismgan compare`: several models on one recipe at the same budget, with several seeds, and what that shows."""

from prismgan.comparison.run import compare as compare
from prismgan.comparison.variants import JOINT as JOINT
from prismgan.comparison.variants import MODELS as MODELS
from prismgan.comparison.variants import Axis as Axis
from prismgan.comparison.variants import find_variants as find_variants
