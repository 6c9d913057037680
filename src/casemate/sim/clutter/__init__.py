"""Clutter of the simulated world: what a scenario declares of it, and its parts; `sky` puts them together."""
