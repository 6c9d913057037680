"""How a channel is, as its courier tells it: to the terminal, the summary and the journal."""

from enum import StrEnum
from typing import NamedTuple


class CourierState(StrEnum):
    """How a channel is."""

    WAITING = "waiting"  # it was not opened yet
    OK = "ok"
    RETRYING = "retrying"
    DEAD = "dead"
    OFF = "off"  # closed, or no longer armed


class Tally(NamedTuple):
    """How a channel is, and what became of the notices that were meant for it."""

    channel: str
    state: CourierState
    why: str  # of the last failure, empty where it works
    n_offered: int = 0
    n_sent: int = 0
    n_retries: int = 0  # tries after the first
    n_expired: int = 0  # given up: nobody was to act on them any more
    n_refused: int = 0  # the channel said that it never takes them
    n_overflowed: int = 0  # the queue was full
    n_held: int = 0  # came after the arming had ended
    n_waiting: int = 0
    t_sent_ns: int = 0  # when the last went out, 0: none did
