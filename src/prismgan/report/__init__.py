"""The reports of a training and of a comparison: one HTML file each, which needs nothing beside it."""

from prismgan.report.page import Chapter, write_page
from prismgan.report.training import write_report
