"""Measuring weights on the test sets, clips and paintings that papers use: ``prismgan evaluate --benchmarks``."""

from prismgan.training.benchmarks.run import SUITES, run_benchmarks
from prismgan.training.benchmarks.table import table

__all__ = ["SUITES", "run_benchmarks", "table"]
