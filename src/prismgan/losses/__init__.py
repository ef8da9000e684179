"""Losses, one idea per file. Each returns one value per picture, unreduced and unweighted."""
