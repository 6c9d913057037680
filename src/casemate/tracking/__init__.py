"""Tracking: plots in, tracks out. Knows nothing of rounds' classes, impacts, zones or what is simulated."""
