"""A local server with a browser page, and the same page as a static site without a server."""
