"""Casemate: open counter-rocket, artillery and mortar warning.

Radar plots in; tracks, predicted impacts and zone warnings out. Intercept exists in simulation only.
"""

__version__ = "0.1.0"
