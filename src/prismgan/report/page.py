"""Writes pages from templates: one HTML file that contains its styles, scripts and pictures."""

import base64
import io
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup
from PIL import Image

from prismgan.files import replace_file
from prismgan.images import read, to_pil
from prismgan.report import wording


class Embedded(NamedTuple):
    """A picture as a data URI, with its size on the page."""

    uri: str
    width: int
    height: int


class Chapter(NamedTuple):
    title: str
    text: str
    picture: Path | None = None


def embed(path: Path, longest: int) -> Embedded:
    """A picture as a JPEG data URI, downscaled so that no side exceeds ``longest`` pixels."""
    picture = to_pil(read(path))
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=88, subsampling=0)
    content = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Embedded(f"data:image/jpeg;base64,{content}", picture.width, picture.height)


def write_page(path: Path, template: str, report: Any) -> Path:
    """Write a page from a template, which accesses ``report`` by this name; the page has its ``title``."""
    text = _environment().get_template(template).render(report=report)
    # Removes the white space between elements of the templates.
    text = re.sub(r">\s*\n\s*<", "><", text)
    replace_file(path, text.encode("utf-8", errors="replace"))
    return path


def asset(name: str) -> Markup:
    return Markup((Path(__file__).parent / "assets" / name).read_text(encoding="utf-8"))


@cache
def _environment() -> jinja2.Environment:
    """Every text is escaped unless a template marks it as safe; an unknown name is an error."""
    loader = jinja2.PackageLoader("prismgan.report")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    functions = ("compact", "duration", "p_value", "share", "signed", "value", "with_half")
    environment.globals |= {name: getattr(wording, name) for name in functions} | {"asset": asset, "embed": embed}
    environment.globals["ui"] = environment.get_template("macros.html").module
    return environment
