"""One picture in, several pictures out: a single-source multi-task GAN.

>>> from prismgan import Renderer
>>> looks = Renderer.load("weights.safetensors")("photo.jpg")  # doctest: +SKIP
>>> looks["restore"].save("restored.png")  # doctest: +SKIP
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prismgan.errors import PrismganError
    from prismgan.render.renderer import Renderer
    from prismgan.weights.modules import load_generator

__version__ = "0.1.0"
__all__ = ["PrismganError", "Renderer", "__version__", "load_generator"]


def __getattr__(name: str) -> object:
    # torch takes a second to import: `prismgan --help` and `import prismgan` do without it.
    if name == "Renderer":
        from prismgan.render.renderer import Renderer

        return Renderer
    if name == "PrismganError":
        from prismgan.errors import PrismganError

        return PrismganError
    if name == "load_generator":
        from prismgan.weights.modules import load_generator

        return load_generator
    raise AttributeError(f"module 'prismgan' has no attribute {name!r}")
