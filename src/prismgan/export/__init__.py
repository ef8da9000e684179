"""Export: the generator as an ONNX file for other programs. It needs the extra ``export``."""

from prismgan.export.exporter import Exported as Exported
from prismgan.export.exporter import export as export
from prismgan.export.parity import PRECISIONS as PRECISIONS
from prismgan.export.parity import Precision as Precision
