"""The recipe reference in docs/ equals the code's, and describes every field."""

from __future__ import annotations

import re
from pathlib import Path

from typer.testing import CliRunner

from prismgan.cli import app
from prismgan.data import builtin
from prismgan.models import MODELS
from prismgan.recipes.recipe import Recipe
from prismgan.recipes.reference import reference
from prismgan.recipes.text import schema
from prismgan.tasks import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "recipe.md"


def test_the_page_in_docs_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == reference(), "print it anew: prismgan recipe reference > docs/recipe.md"


def test_the_command_prints_it() -> None:
    result = CliRunner().invoke(app, ["recipe", "reference"])
    assert result.exit_code == 0
    assert result.output == reference()


def test_every_field_and_kind_is_there() -> None:
    page = reference()
    for name in Recipe.model_fields:
        assert f"| `{name}` |" in page
    for definition in schema()["$defs"].values():
        for name in definition["properties"]:
            assert f"| `{name}` |" in page
    for entry in KINDS:
        assert f"## tasks[] of kind {entry.model_fields['kind'].default}\n" in page
    for kind in MODELS:
        assert f"## model of kind {kind}\n" in page
    for name in builtin.names():
        assert name.removeprefix(builtin.PREFIX) in page


def test_tables_are_whole_and_no_cell_is_empty() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("|")]
    for row in rows:
        cells = re.split(r"(?<!\\)\|", row)[1:-1]
        assert len(cells) in (2, 4), row
        assert all(cell.strip() for cell in cells), row


def test_every_link_leads_to_a_heading() -> None:
    page = reference()
    headings = re.findall(r"^## (.+)$", page, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(#([^)]+)\)", page)
    assert links
    assert set(links) <= anchors
    assert len(set(headings)) == len(headings)
