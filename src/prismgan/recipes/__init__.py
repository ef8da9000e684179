"""The built-in recipes, named ``recipe:NAME``, and a first recipe for a folder of photos."""

import math
import os
import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from prismgan.errors import PictureError, RecipeError, nearest, one_line
from prismgan.files import replace_file

PREFIX = "recipe:"
FOLDER = Path(__file__).parent
MEASURED = 500  # number of photos whose sizes are read for a first recipe, so that a large folder does not take minutes
CROP = 64  # side of the training crops in a first recipe, in pixels of the source


def built_in() -> dict[str, Path]:
    """The files of the built-in recipes, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def read_built_in(name: str) -> str:
    """The YAML text of a built-in recipe; RecipeError if there is none of that name."""
    known = built_in()
    name = name.removeprefix(PREFIX)
    if name not in known:
        raise RecipeError(f"{PREFIX}{name}: no built-in recipe has that name{nearest(name, known, 'available')}")
    return known[name].read_text(encoding="utf-8")


def caption(text: str) -> str:
    """The first sentence of the comment at the top of a recipe."""
    comment = takewhile(lambda line: line.startswith("# "), text.splitlines())
    return re.split(r"(?<=\.)\s", " ".join(line.removeprefix("# ") for line in comment))[0]


def write_first_recipe(folder: Path, out: Path, styles: Sequence[Path]) -> tuple[int, Path]:
    """Write a commented recipe for a folder of photos: restoration, enlargement, pencil, and a task for each style.
    ``out`` must not exist yet; paths in it are relative to it. Returns the number of photos, and a folder for the
    training. PrismganError if a file cannot be read or written."""
    from prismgan import images  # imports torch, which takes seconds and which the list of recipes does not need

    if out.exists():
        raise RecipeError(f"{out}: already exists and is not replaced; choose another file with --out, or delete it")
    if not out.parent.is_dir():
        raise RecipeError(f"{out}: there is no folder {out.parent}; create it, or choose another file with --out")
    photos = images.find_pictures(folder)
    sizes = []
    for photo in photos[:MEASURED]:
        with suppress(PictureError):  # `prismgan data check` reports the damaged ones
            sizes.append(images.size(photo))
    if not sizes:
        raise PictureError(f"{folder}: none of its {len(photos)} pictures can be read; name a folder of photos")
    for style in styles:
        images.size(style)
    height, width = min(sizes, key=min)
    name = one_line(folder.resolve().name)[:80] or "photos"
    run = Path("runs") / (_slug(name) or "photos")
    place = {path: yaml_value(_relative(path, out.parent)) for path in (folder, *styles)}
    names = _task_names(styles)
    tasks = [_TASK.format(name=task, picture=place[style]) for task, style in zip(names, styles, strict=True)]
    template = (FOLDER / "first-recipe.txt").read_text(encoding="utf-8")
    text = template.format(
        recipe=shlex.quote(one_line(str(out))),
        run=run,
        name=yaml_value(name),
        folder=place[folder],
        count=f"{len(photos)} photo{'s' if len(photos) > 1 else ''}, the smallest {width}x{height} pixels",
        enlarge="" if min(height, width) >= 2 * CROP else "# ",
        styles="".join(tasks) or _NO_STYLE,
        crop=CROP if min(height, width) >= CROP else 32,
    )
    replace_file(out, text.encode())
    return len(photos), run


def _relative(path: Path, base: Path) -> str:
    """The path relative to a folder; unchanged if it is on another drive."""
    try:
        return Path(os.path.relpath(path.resolve(), base.resolve())).as_posix()
    except ValueError:
        return path.resolve().as_posix()


def yaml_value(value: Any) -> str:
    """A value as it is written in a recipe: on one line, and quoted if necessary."""
    options: dict[str, Any] = {"default_flow_style": True, "sort_keys": False, "allow_unicode": True}
    return yaml.safe_dump([value], **options, width=math.inf)[1:-2]


def _slug(text: str) -> str:
    """The text in lower-case letters, digits and dashes; may be empty."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:32].strip("-")


def _task_names(styles: Sequence[Path]) -> list[str]:
    """A name for each style's task, derived from its file name; different from those of all other tasks."""
    taken = ["restore", "enlarge-2x", "pencil"]
    for style in styles:
        name = _slug(style.stem) or "style"
        candidates = (name, *(f"{name}-{number}" for number in range(2, len(styles) + 3)))
        taken.append(next(candidate for candidate in candidates if candidate not in taken))
    return taken[3:]


_TASK = """\
  - name: {name}
    kind: style
    exemplars: [{picture}] # one picture, or several, that show the style
    exemplar_size: 384 # a smaller number means a finer brush
    weight: 0.03 # more weight gives more style, and costs the other tasks some quality
"""
_NO_STYLE = """\
  # A style of your own: remove the "# " in front of the next four lines, and name a picture.
  # - name: painting
  #   kind: style
  #   exemplars: [painting.jpg]
  #   weight: 0.03
"""
