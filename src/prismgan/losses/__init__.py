"""Losses, one idea a file. Each returns one value a picture, unreduced and unweighted."""
