"""The only users of `ssl` and of the HTTP server."""
