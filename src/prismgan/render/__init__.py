"""Rendering with trained weights."""

from prismgan.render.renderer import Renderer as Renderer
from prismgan.render.request import Request as Request
from prismgan.render.runtimes import measure_cost as measure_cost
from prismgan.render.sheet import sheet as sheet
