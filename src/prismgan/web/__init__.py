"""A local server: one picture up, all looks down, and a page for a browser that does the rest."""

from prismgan.web.application import make_application
from prismgan.web.limits import Limits

__all__ = ["Limits", "make_application"]
