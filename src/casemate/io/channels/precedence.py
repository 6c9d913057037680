"""A drill and a real raid at once: in a zone that is really warned the drill is over, and says nothing more.

Kept on the drill's side; the live side only says which of its zones are warned.
"""

from collections.abc import Callable, Sequence
from typing import Final

from casemate.model.messages import WarningPhase, ZoneWarning
from casemate.model.notices import Notice

REASON: Final = "the exercise is over in this zone"
"""What a drill's channels are told; no word of what is real, which is for live channels to say."""
_ENDS: Final = frozenset({WarningPhase.CLEAR, WarningPhase.WITHDRAWN})


class Precedence:
    """Which zones of a drill are silent, because they are really warned or were when the drill's warning began."""

    def __init__(self) -> None:
        self._real: set[int] = set()
        self._silent: set[int] = set()

    def real(self, zone_id: int, *, is_warned: bool) -> bool:
        """Take in what a zone is really told; return whether the drill's incident there must end now."""
        if not is_warned:
            self._real.discard(zone_id)
            return False
        is_new = zone_id not in self._silent
        self._real.add(zone_id)
        self._silent.add(zone_id)
        return is_new

    def split(self, told: Sequence[ZoneWarning]) -> tuple[tuple[ZoneWarning, ...], tuple[ZoneWarning, ...]]:
        """Return the drill's warnings that may be told, and those that may not.

        A zone speaks again with the first warning of a new incident after the real one has ended.
        """
        spoken: list[ZoneWarning] = []
        silent: list[ZoneWarning] = []
        for each in told:
            if not each.supersedes and each.zone_id not in self._real:
                self._silent.discard(each.zone_id)
            (silent if each.zone_id in self._silent else spoken).append(each)
        return tuple(spoken), tuple(silent)


def follow(zones: Sequence[str], tell: Callable[[int, bool], None]) -> Callable[[Notice], None]:
    """Return what the live side calls with each of its notices: it tells the drill's side by zone.

    Parameters
    ----------
    zones : sequence of str
        The drill's zones, in the order that `zone_id` counts.
    tell : callable
        Takes the zone and whether it is really warned.
    """
    numbers = {name: i for i, name in enumerate(zones)}

    def note(notice: Notice) -> None:
        if notice.zone in numbers:
            tell(numbers[notice.zone], notice.phase not in _ENDS)

    return note
