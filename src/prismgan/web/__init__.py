"""A local server with a page for browsers, and the same page without a server, as a static site."""
