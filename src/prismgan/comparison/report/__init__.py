"""The report of a comparison: one HTML file that needs nothing beside it."""

from prismgan.comparison.report.page import write_comparison_report

__all__ = ["write_comparison_report"]
