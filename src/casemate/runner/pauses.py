"""Pauses that Python itself makes, kept short while people wait for an alarm: its collector, and its threads' turns."""

import contextlib
import gc
import sys
from collections.abc import Generator
from typing import Final

TURN_S: Final = 0.0005
"""How long a thread keeps Python's lock while another wants it [s]. An alarm goes through four threads to the wire, and
waits at each for the pipeline to let go; at Python's own 5 ms that is more than the alarm's work."""


@contextlib.contextmanager
def short_pauses() -> Generator[None]:
    """Keep what is loaded and warm out of the collector's rounds, and let threads take short turns; both end with it.

    Notes
    -----
    What is frozen is not searched for cycles any more: modules, compiled kernels, settings. What is made afterwards is.
    """
    before_s = sys.getswitchinterval()
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)
        gc.unfreeze()
