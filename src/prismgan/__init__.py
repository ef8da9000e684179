"""One picture in, several pictures out: a single-source multi-task GAN.

>>> from prismgan import Renderer
>>> looks = Renderer.load("weights.safetensors")("photo.jpg")  # doctest: +SKIP
>>> looks["restore"].save("restored.png")  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prismgan.errors import PrismganError
    from prismgan.render.renderer import Renderer
    from prismgan.weights.modules import load_generator

__version__ = "0.1.0"
__all__ = ["PrismganError", "Renderer", "__version__", "load_generator"]
_HOMES = {"PrismganError": "errors", "Renderer": "render.renderer", "load_generator": "weights.modules"}


def __getattr__(name: str) -> object:
    # torch takes a second to import: `prismgan --help` and `import prismgan` do without it.
    if name in _HOMES:
        return getattr(import_module(f"prismgan.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'prismgan' has no attribute {name!r}")
