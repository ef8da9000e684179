"""``python -m prismgan``, for launchers that start modules."""

from prismgan.cli import main

main()
