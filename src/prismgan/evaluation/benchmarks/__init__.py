"""Measuring weights on the test sets, clips and paintings that papers use: ``prismgan evaluate --benchmarks``."""

from prismgan.evaluation.benchmarks.run import SUITES, run_benchmarks, table

__all__ = ["SUITES", "run_benchmarks", "table"]
