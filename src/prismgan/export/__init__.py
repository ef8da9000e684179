"""Export: the generator as an ONNX file for other programs. It needs the extra ``export``."""

from prismgan.export.exporter import Exported, export
from prismgan.export.parity import PRECISIONS, Precision

__all__ = ["PRECISIONS", "Exported", "Precision", "export"]
