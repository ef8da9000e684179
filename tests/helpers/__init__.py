"""Code shared by the tests: tiny weights, models, servers, pictures and clips, and files that are broken on purpose."""
