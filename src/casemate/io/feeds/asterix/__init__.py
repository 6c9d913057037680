"""ASTERIX: plots (CAT048, 015), antenna marks (034), system tracks (062, 021, 020); live, recorded, and written."""

from casemate.io.feeds.asterix.clock import DAY_NS, TICK_NS, DayClock
from casemate.io.feeds.asterix.decoder import DEFAULT_EDITIONS, Decoder, parse_editions
from casemate.io.feeds.asterix.recording import (
    AS_SITE,
    Imported,
    ImportResult,
    Reading,
    decode_stream,
    import_recording,
)
from casemate.io.feeds.asterix.records import Decoded, Mark
from casemate.model.records import SYSTEM_TRACK

__all__ = [
    "AS_SITE",
    "DAY_NS",
    "DEFAULT_EDITIONS",
    "SYSTEM_TRACK",
    "TICK_NS",
    "DayClock",
    "Decoded",
    "Decoder",
    "ImportResult",
    "Imported",
    "Mark",
    "Reading",
    "decode_stream",
    "import_recording",
    "parse_editions",
]
