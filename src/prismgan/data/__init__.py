"""Where pictures come from, and how they become batches."""

from prismgan.data.batches import Part as Part
from prismgan.data.batches import batches as batches
from prismgan.data.check import check as check
from prismgan.data.check import summary as summary
from prismgan.data.check import validate as validate
from prismgan.data.degradation import Condition as Condition
from prismgan.data.degradation import DegradationConfig as DegradationConfig
from prismgan.data.degradation import Jpeg as Jpeg
from prismgan.data.degradation import Noise as Noise
from prismgan.data.pictures import exemplars as exemplars
from prismgan.data.sources import DataConfig as DataConfig
from prismgan.data.sources import Row as Row
from prismgan.data.sources import SourceEntry as SourceEntry
from prismgan.data.sources import resolve as resolve
from prismgan.data.sources import rows as rows
from prismgan.data.sources import split as split
from prismgan.data.test_set import TestSet as TestSet
from prismgan.data.training_set import TrainingSet as TrainingSet
