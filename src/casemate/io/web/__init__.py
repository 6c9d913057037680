"""The page: what holds now, as bytes for browsers, and the server that they ask. Knows nothing of simulation."""
