"""Settings of the documentation's site: ``make docs`` builds it into ``build/docs``, with warnings as errors."""

import tomllib
from pathlib import Path

_project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = _project["name"]
author = _project["authors"][0]["name"]
copyright = author  # noqa: A001 (Sphinx's name)
release = version = _project["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["images/*.md"]
myst_heading_anchors = 4
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "furo"  # needs no network: fonts are the system's, and Sphinx's own index answers searches
html_title = f"prismgan {version}"
html_show_sphinx = False
html_copy_source = False
