"""The real world, wired: live feeds, recorded plots or a journal, through the corridor into a run folder and channels.

Knows nothing of the simulated wing; an import contract keeps it so. Of these files `live` alone stamps anything live.
"""

from casemate.station.live import Telling, serve
from casemate.station.recorded import replay, track

__all__ = ["Telling", "replay", "serve", "track"]
