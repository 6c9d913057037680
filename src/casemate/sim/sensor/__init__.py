"""Radars in simulation: when each looks, what it sees, what it then measures; the tracker is told none of it."""

from casemate.sim.sensor.bodies import Bodies, Looks, Turn
from casemate.sim.sensor.radar import RotatingRadar

__all__ = ["Bodies", "Looks", "RotatingRadar", "Turn"]
