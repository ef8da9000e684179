"""The command line."""

from prismgan.cli.commands import app as app
from prismgan.cli.commands import main as main
