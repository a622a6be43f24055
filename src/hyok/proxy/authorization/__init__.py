"""Secondary authorization: what the holder of the keys decides about each use of them, besides AWS."""
