"""Measures weights on the test sets, clips and paintings that papers use: ``prismgan evaluate --benchmarks``."""
