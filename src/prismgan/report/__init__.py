"""The report of a run: one HTML file that needs nothing beside it."""

from prismgan.report.page import Chapter, page, recipe_section, write_chapters, write_report

__all__ = ["Chapter", "page", "recipe_section", "write_chapters", "write_report"]
