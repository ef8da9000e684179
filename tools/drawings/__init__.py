"""Paints the drawings that prismgan ships: code made them, so they have no licence but its own."""
