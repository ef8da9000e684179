"""The report's pictures: embedded, so that the file needs nothing beside it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from prismgan.images import read, to_pil
from prismgan.report.markup import Html, element

__all__ = [
    "Chapter",
    "Gallery",
    "chapter_section",
    "embed",
    "find_gallery",
    "gallery_section",
    "image",
    "samples_section",
    "sheet_section",
]

MAXIMUM_PICTURES = 4
"""Most source pictures that are compared; the first ones by name."""
MAXIMUM_SAMPLES = 6
"""Most sample sheets that are shown, evenly spread over the run."""


@dataclass(frozen=True)
class Embedded:
    """A picture as a data URI, with its size on the report's page."""

    uri: str
    width: int
    height: int


def embed(path: Path, longest: int) -> Embedded:
    """A picture as a JPEG data URI, made smaller where a side exceeds ``longest`` pixels.

    Raises:
        PictureError: the file is no picture.
    """
    picture = to_pil(read(path))
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=88, subsampling=0)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Embedded(f"data:image/jpeg;base64,{data}", picture.width, picture.height)


@dataclass(frozen=True)
class Gallery:
    """What ``render/`` holds."""

    pictures: tuple[Path, ...]
    """Folders with a ``source.png``, one for each picture that was rendered."""
    tasks: tuple[str, ...]
    """Names of all outputs in them."""


@dataclass(frozen=True)
class Chapter:
    """Something to tell beside the run."""

    title: str
    text: str
    picture: Path | None = None


def chapter_section(chapter: Chapter) -> Html:
    """A heading, a sentence or two, and a picture."""
    shown = chapter.picture and element("figure", image(embed(chapter.picture, 1800), chapter.title), class_="sheet")
    return element("section", element("h2", chapter.title), element("p", chapter.text), shown or "", class_="chapter")


def find_gallery(run: Path, order: Iterable[str]) -> Gallery:
    """The rendered pictures of a run, their tasks in the given order, unknown tasks by name behind."""
    folders = tuple(sorted(path.parent for path in (run / "render").glob("*/source.png")))
    names = {path.stem for folder in folders for path in folder.glob("*.png")} - {"source", "photo", "sheet"}
    known = [name for name in dict.fromkeys(order) if name in names]
    return Gallery(folders, (*known, *sorted(names - set(known))))


def sheet_section(run: Path, title: str) -> Html:
    """All looks of one picture, ``render/sheet.png``."""
    path = run / "render" / "sheet.png"
    if not path.exists():
        return Html("")
    shown = image(embed(path, 1800), f"All outputs side by side: {title}")
    return element("section", element("figure", shown, class_="sheet"), id="sheet")


def gallery_section(run: Path, gallery: Gallery) -> Html:
    """For each task: its exemplar, and before and after under a slider for each picture."""
    if not gallery.tasks:
        return Html("")
    pictures = gallery.pictures[:MAXIMUM_PICTURES]
    rules = []
    has_photo = False
    for index, folder in enumerate(pictures):
        rules.append(_background(f".picture-{index}", folder / "source.png"))
        if (folder / "photo.png").exists():
            has_photo = True
            rules.append(_background(f"#outputs:has(#left-photo:checked) .picture-{index}", folder / "photo.png"))
    hint = "Drag the line, or use the arrow keys: the left part is what went in, the right part what came out."
    left_out = len(gallery.pictures) - len(pictures)
    if left_out:
        hint += f" {left_out} more pictures are in the folder render."
    return element(
        "section",
        element("h2", "Before and after"),
        element("p", hint, class_="caption"),
        _left_choice() if has_photo else "",
        element("style", Html("\n".join(rules))),
        *(_task(run, task, pictures) for task in gallery.tasks),
        id="outputs",
    )


def _background(selector: str, path: Path) -> str:
    return f'{selector} {{ background-image: url("{embed(path, 800).uri}"); }}'


def _left_choice() -> Html:
    """Whether the sliders compare with the source or with the clean photo."""
    choices = [
        element("label", element("input", type="radio", name="left", id=f"left-{key}", checked=checked), " ", text)
        for key, text, checked in (("source", "the source", True), ("photo", "the clean photo", False))
    ]
    return element("fieldset", element("legend", "On the left:"), *choices, class_="choice")


def _task(run: Path, task: str, pictures: Sequence[Path]) -> Html:
    exemplar = run / "exemplars" / f"{task}.png"
    shown = []
    if exemplar.exists():
        picture = image(embed(exemplar, 400), f"Exemplar of {task}")
        shown.append(element("figure", picture, element("figcaption", "the exemplar"), class_="exemplar"))
    for index, folder in enumerate(pictures):
        path = folder / f"{task}.png"
        if path.exists():
            shown.append(_slider(embed(path, 800), task, folder.name, index))
    return element("div", element("h3", task), element("div", *shown, class_="strip"), class_="task")


def _slider(after: Embedded, task: str, picture: str, index: int) -> Html:
    label = f"{picture}: share of the source shown left of {task}, in percent"
    stage = element(
        "div",
        image(after, f"{picture}: {task}", zoom=False),
        element("div", class_=f"before picture-{index}", role="img", aria_label=f"{picture}: source"),
        element("input", type="range", min=0, max=100, value=50, aria_label=label),
        class_="stage",
        style=f"aspect-ratio: {after.width} / {after.height}",
    )
    return element("figure", stage, element("figcaption", picture), class_="compare")


def samples_section(run: Path) -> Html:
    """How the looks grew: sample sheets from the beginning to the end, evenly spread."""
    found = sorted((run / "samples").glob("step-*.png"))
    if not found:
        return Html("")
    count = min(MAXIMUM_SAMPLES, len(found))
    chosen = [found[round(index * (len(found) - 1) / max(1, count - 1))] for index in range(count)]
    figures = []
    for path in chosen:
        step = path.stem.removeprefix("step-")
        name = f"step {int(step):,}" if step.isdecimal() else step
        figures.append(element("figure", image(embed(path, 1200), f"Samples, {name}"), element("figcaption", name)))
    return element(
        "section",
        element("h2", "How the looks grew"),
        element("p", f"{count} of {len(found)} sample sheets. Click one to enlarge it.", class_="caption"),
        element("div", *figures, class_="film", tabindex=0, role="region", aria_label="Sample sheets"),
        id="samples",
    )


def image(picture: Embedded, alternative: str, zoom: bool = True) -> Html:
    """A picture; with ``zoom``, a click shows it at full size."""
    return element(
        "img",
        src=picture.uri,
        alt=alternative,
        width=picture.width,
        height=picture.height,
        class_="zoom" if zoom else None,
    )
