"""The stamp of live feeds, alone in its file: only the live station's wiring may import it, an import contract says."""

from typing import Final

from casemate.io.channels.stamps import Stamp
from casemate.model.notices import LiveHeartbeat, LiveNotice, LivePicture

LIVE: Final = Stamp(LiveNotice, LivePicture, LiveHeartbeat)
"""Of feeds that are neither a recording nor declared to carry an exercise."""
