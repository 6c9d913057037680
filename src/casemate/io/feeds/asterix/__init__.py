"""ASTERIX: monoradar plots (category 048) and antenna marks (034), from recordings and live feeds."""

from casemate.io.feeds.asterix.clock import DAY_NS, TICK_NS, DayClock
from casemate.io.feeds.asterix.decoder import DEFAULT_EDITIONS, RANGE_M, Decoded, Decoder, Mark
from casemate.io.feeds.asterix.recording import Imported, ImportResult, convert, decode_stream, import_recording

__all__ = [
    "DAY_NS",
    "DEFAULT_EDITIONS",
    "RANGE_M",
    "TICK_NS",
    "DayClock",
    "Decoded",
    "Decoder",
    "ImportResult",
    "Imported",
    "Mark",
    "convert",
    "decode_stream",
    "import_recording",
]
