"""Rendering with trained weights."""

from prismgan.inference.cost import measure_cost
from prismgan.inference.renderer import Renderer
from prismgan.inference.request import Request
from prismgan.inference.sheet import sheet

__all__ = ["Renderer", "Request", "measure_cost", "sheet"]
