"""Export: the generator as an ONNX file for other programs, or as a static site. The extra ``export`` brings what it
needs.
"""

from prismgan.export.exporter import Exported, export
from prismgan.export.precision import PRECISIONS, Precision
from prismgan.export.site import Site, is_site, write_site

__all__ = ["PRECISIONS", "Exported", "Precision", "Site", "export", "is_site", "write_site"]
