"""The documentation: its site builds without a warning, its links have targets, its commands and options exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from prismgan.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def slug(heading: str) -> str:
    """The anchor that GitHub and MyST give a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower().replace("`", "")
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in [slug(heading) for heading in headings], target


def test_the_layers_are_those_that_are_checked() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (layers,) = (contract["layers"] for contract in settings["contracts"] if contract["type"] == "layers")
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Layers")[2]
    (block,) = re.findall(r"^```text\n(.+?)^```", text.partition("\n## ")[0], flags=re.MULTILINE | re.DOTALL)
    assert [re.sub(r"^(top|laboratory|product|common)? +", "", line) for line in block.splitlines()] == layers


def commands() -> list[tuple[str, str]]:
    """Every prismgan command line of a page, with continued lines joined."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in re.findall(r"^\s*\$ (?:\S*/)?prismgan (.+)$", text, flags=re.MULTILINE):
            found.append((page.name, re.split(r"\s[>|]\s", line)[0].strip()))
    return found


@pytest.mark.parametrize(("page", "line"), commands())
def test_commands_and_their_options_exist(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)
    place: Any = typer.main.get_command(app)
    while words and hasattr(place, "commands") and not words[0].startswith("-"):
        assert words[0] in place.commands, f"{page}: {line}"
        place = place.commands[words.pop(0)]
    known = {option for parameter in place.params for option in parameter.opts} | {"--help"}
    for word in words:
        if re.match(r"--?[a-z]", word):
            assert word.partition("=")[0] in known, f"{page}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_programs_and_targets_exist(page: Path) -> None:
    """Commands of the checkout: ``python benchmarks/step.py`` and ``make test``."""
    text = page.read_text(encoding="utf-8")
    for program in re.findall(r"\bpython ((?:benchmarks|docs|examples|tests|tools)/[\w./]+)", text):
        assert (ROOT / program).exists(), program
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    for target in re.findall(r"(?:`|^\$ )make ([\w-]+)", text, flags=re.MULTILINE):
        assert target in targets, target


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_searches_without_a_network(tmp_path: Path) -> None:
    for package in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    for page in (*sorted((ROOT / "docs").glob("*.md")),):
        assert (tmp_path / f"{page.stem}.html").exists()
    reference = (tmp_path / "api.html").read_text(encoding="utf-8")
    for name in (
        "prismgan.Renderer.from_pretrained",
        "prismgan.render.request.Request",
        "prismgan.errors.WeightsError",
    ):
        assert f'id="{name}"' in reference
    assert "Search.setIndex" in (tmp_path / "searchindex.js").read_text(encoding="utf-8")
    for page in tmp_path.glob("*.html"):
        loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?:[^"]*)"', page.read_text(encoding="utf-8"))
        assert loaded == [], page.name
