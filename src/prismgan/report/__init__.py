"""The reports of a training and of a comparison, as one self-contained HTML file each."""

from prismgan.report.page import Chapter, write_page
from prismgan.report.training import write_report
