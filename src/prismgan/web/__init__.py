"""A local server: one picture up, all looks down, and a page for a browser that does the rest. The page without a
server, as a static site, is written here too.
"""
