"""Measuring weights on the test sets, clips and paintings that papers use: ``prismgan evaluate --benchmarks``."""

from prismgan.evaluation.benchmarks.run import SUITES as SUITES
from prismgan.evaluation.benchmarks.run import run_benchmarks as run_benchmarks
from prismgan.evaluation.benchmarks.run import table as table
