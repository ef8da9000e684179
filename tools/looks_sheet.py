"""Draw the sheet of docs/looks.md: twelve photos that were not used in training, with all outputs.

    python tools/looks_sheet.py --out docs/images/looks.jpg [--weights WEIGHTS]

The photos are scikit-image's.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PIL import Image, ImageOps

from prismgan import data, images
from prismgan.errors import PrismganError
from prismgan.render import Renderer, sheet

PHOTOS = (
    "chelsea", "coffee", "rocket", "stereo_motorcycle", "camera", "coins",
    "brick", "grass", "moon", "hubble_deep_field", "retina", "immunohistochemistry",
)  # fmt: skip
SIZE = (480, 320)
"""Width and height that photos are cut and reduced to before they are rendered."""
TILE = 210


def draw(weights: Path | None, out: Path) -> None:
    """Write the sheet.

    Raises:
        PrismganError: the weights cannot be read, or the sheet cannot be written.
    """
    renderer = Renderer.load(weights)
    tiles: dict[str, Image.Image] = {}
    for name in PHOTOS:
        whole = images.to_pil(data.pictures.load(f"builtin:{name}"))
        photo = ImageOps.fit(whole, SIZE, Image.Resampling.LANCZOS)
        label = name.replace("_", " ")
        tiles[label] = photo
        # Labels are keys, and every photo has the same tasks: invisible spaces make them unique.
        looks = renderer(photo)
        tiles |= {f"{look}{' ' * len(tiles)}": picture for look, picture in looks.items()}
    drawn = sheet(tiles, columns=len(renderer.tasks) + 1, tile_width=TILE)
    try:
        drawn.convert("RGB").save(out, quality=85)
    except (OSError, ValueError) as error:
        raise PrismganError(f"{out}: cannot be written ({error})") from None


def main() -> None:
    """Read the command line. An error that the user can fix is one line on stderr with exit code 2."""
    parser = argparse.ArgumentParser(description="Draw twelve photos in all looks of ready-made weights.")
    parser.add_argument("--out", type=Path, required=True, help="the picture to write")
    parser.add_argument("--weights", type=Path, help="a .safetensors file; the ready-made weights by default")
    arguments = parser.parse_args()
    try:
        draw(arguments.weights, arguments.out)
    except PrismganError as error:
        print(f"looks_sheet: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
