"""The report of a run: one HTML file that needs nothing beside it."""

from prismgan.training.report.page import Chapter, write_report

__all__ = ["Chapter", "write_report"]
