"""Paints the drawings included in prismgan. They are made by code, so they have no separate licence."""
