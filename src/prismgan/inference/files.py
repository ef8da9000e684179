"""Rendering files into files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from prismgan import images
from prismgan.errors import PictureError, PrismganError
from prismgan.inference.renderer import Renderer
from prismgan.inference.sheet import sheet

__all__ = ["render_files"]


def render_files(
    renderer: Renderer,
    pictures: Sequence[Path],
    out: Path,
    *,
    tasks: Iterable[str] | None = None,
    with_sheet: bool = False,
    seed: int = 0,
) -> Iterator[Path]:
    """Render every picture into ``out/<its name>/<task>.png``; the files written, as they are written.

    All inputs are looked at before the first is rendered, so that a wrong one leaves nothing behind.

    Raises:
        PictureError: a picture cannot be read or is too small, or two of them have the same name.
        PrismganError: there is no such task, or ``out`` is a file.
    """
    names = renderer.checked(tasks)
    files = [file for path in pictures for file in (images.find_pictures(path) if path.is_dir() else [path])]
    if out.exists() and not out.is_dir():
        raise PrismganError(f"{out}: is a file, expected a folder for the results")
    folders: dict[Path, Path] = {}
    for file in files:
        folder = out / file.stem
        if folder in folders:
            raise PictureError(
                f"{file}: would be written to {folder}, as {folders[folder]} will; render one of them elsewhere"
            )
        folders[folder] = file
        images.refuse_small(str(file), *images.read(file).shape[-2:])
    for folder, file in folders.items():
        looks = renderer(file, names, seed)
        for name, picture in looks.items():
            images.write(folder / f"{name}.png", picture)
            yield folder / f"{name}.png"
        if with_sheet:
            source = images.to_pil(images.read(file))
            images.write(folder / "sheet.png", sheet({"source": source, **looks}, title=file.name))
            yield folder / "sheet.png"
