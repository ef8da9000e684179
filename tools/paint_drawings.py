"""Paint the built-in drawings again: ``python tools/paint_drawings.py FOLDER``.

``src/prismgan/data/drawings`` holds the results.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from drawings import comics, mosaic, swirl
from numpy.typing import NDArray
from PIL import Image

DRAWINGS: dict[str, Callable[[], NDArray[np.uint8]]] = {
    "mosaic": mosaic.paint,
    "swirl": swirl.paint,
    **{f"comic-{number:02d}": partial(comics.draw, number) for number in range(comics.COUNT)},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, paint in DRAWINGS.items():
        Image.fromarray(paint()).save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
