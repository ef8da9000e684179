"""The sources of pictures, and how they become batches."""

from prismgan.data.batches import Part, batches, collate
from prismgan.data.check import check, summary, validate
from prismgan.data.degradation import Condition, DegradationConfig, Jpeg, Noise
from prismgan.data.pictures import exemplars, shown_pictures
from prismgan.data.scene import largest_scale
from prismgan.data.sources import DataConfig, Row, SourceEntry, rows, split
from prismgan.data.test_set import TestSet
from prismgan.data.training_set import TrainingSet
