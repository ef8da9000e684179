"""Optional packages: reports missing ones early and in one line."""

from collections.abc import Iterable
from importlib.util import find_spec

from prismgan.errors import PrismganError

PACKAGE_OF = {  # packages whose modules have different names
    "cv2": "opencv-python-headless",
    "multipart": "python-multipart",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
}
TRAINING = ("accelerate", "kornia", "scipy", "skimage", "torchmetrics")  # needed by training but not by rendering


def missing(modules: Iterable[str]) -> list[str]:
    """The packages of those modules that cannot be imported."""
    return [PACKAGE_OF.get(module, module) for module in modules if find_spec(module) is None]


def require_training() -> None:
    """Raise if a package of the extra ``train`` is missing."""
    require("training and measuring", "train", *TRAINING)


def require(what: str, extra: str, *modules: str) -> None:
    """Raise if a package that ``what`` needs is missing; the error names the ``extra`` that contains it."""
    if lacking := missing(modules):
        packages = " and ".join(lacking)
        raise PrismganError(f"{what}: needs the package {packages}; install it: pip install 'prismgan[{extra}]'")
