"""Where pictures come from, and how they become batches."""

from prismgan.data.batches import Part, batches
from prismgan.data.check import check, summary, validate
from prismgan.data.degradation import (
    Condition,
    Defocus,
    DegradationConfig,
    GaussianBlur,
    Jpeg,
    MotionBlur,
    Noise,
    degrade,
)
from prismgan.data.examples import exemplars
from prismgan.data.manifest import Problem
from prismgan.data.pictures import Cache
from prismgan.data.sources import DataConfig, Row, SourceEntry, resolve, rows, split
from prismgan.data.test_set import TestSet
from prismgan.data.training_set import Sample, TrainingSet

__all__ = [
    "Cache",
    "Condition",
    "DataConfig",
    "Defocus",
    "DegradationConfig",
    "GaussianBlur",
    "Jpeg",
    "MotionBlur",
    "Noise",
    "Part",
    "Problem",
    "Row",
    "Sample",
    "SourceEntry",
    "TestSet",
    "TrainingSet",
    "batches",
    "check",
    "degrade",
    "exemplars",
    "resolve",
    "rows",
    "split",
    "summary",
    "validate",
]
