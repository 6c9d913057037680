"""Source -> Pipeline -> Sinks: the only loop and the only clock.

Live, replay and rehearsal differ in what they hand to `record`; nothing in here knows which one it is.
"""

from casemate.runner.live import FeedLog, LiveSource
from casemate.runner.loop import PacedClock, Progress, run, stop_on_signal, with_ticks
from casemate.runner.recording import Origin, inputs_of, named, plan_of, record, terrain_of

__all__ = [
    "FeedLog",
    "LiveSource",
    "Origin",
    "PacedClock",
    "Progress",
    "inputs_of",
    "named",
    "plan_of",
    "record",
    "run",
    "stop_on_signal",
    "terrain_of",
    "with_ticks",
]
