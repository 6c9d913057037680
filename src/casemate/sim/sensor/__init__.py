"""Radars in simulation: when each looks, what it sees, what it then measures; the tracker is told none of it."""

from casemate.sim.sensor.bodies import Bodies, Looks, Turn, joined
from casemate.sim.sensor.declared import RadarFault, RadarTruth
from casemate.sim.sensor.radar import Radar
from casemate.sim.sensor.sectors import Sector, deal

__all__ = ["Bodies", "Looks", "Radar", "RadarFault", "RadarTruth", "Sector", "Turn", "deal", "joined"]
