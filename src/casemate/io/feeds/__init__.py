"""Feeds: what radars deliver, decoded into plots; what does not decode is refused and counted."""
