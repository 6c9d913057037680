"""Study: the models against references, and many runs at once. Nothing below imports it."""
