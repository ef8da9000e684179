"""`prismgan compare`: several models on one recipe at the same budget and with several seeds, and their comparison."""
