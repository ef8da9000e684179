"""`prismgan compare`: several models on one recipe at the same budget, with several seeds, and what that shows."""
