"""The sources of pictures, and how they become batches."""

from prismgan.data.batches import Part, batches
from prismgan.data.check import check, summary, validate
from prismgan.data.degradation import Condition, DegradationConfig, Jpeg, Noise
from prismgan.data.pictures import exemplars
from prismgan.data.sources import DataConfig, Row, SourceEntry, resolve, rows, split
from prismgan.data.test_set import TestSet
from prismgan.data.training_set import TrainingSet
