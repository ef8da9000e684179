"""Export: the generator as an ONNX file for other programs. The extra ``export`` brings what it needs."""

from prismgan.export.exporter import Exported, export
from prismgan.export.session import PRECISIONS, Precision

__all__ = ["PRECISIONS", "Exported", "Precision", "export"]
