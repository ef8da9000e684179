"""Measures models and weights on test photos, on noise, and on the test sets that papers use."""
