"""Rendering with trained weights."""

from prismgan.render.renderer import Renderer
from prismgan.render.request import Request
from prismgan.render.runtimes import measure_cost
from prismgan.render.sheet import sheet

__all__ = ["Renderer", "Request", "measure_cost", "sheet"]
