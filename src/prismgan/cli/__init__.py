"""The command line."""

from prismgan.cli.commands import app, main

__all__ = ["app", "main"]
