"""How often it is told that something that came back was not believed: a flood of it fills no log."""

import time
from typing import Final

REFUSALS_PER_S: Final = 10
"""How many refused acknowledgements are told in a second; who floods us fills no log."""


class Refusals:
    """Lets so many refusals a second be told, and says with the next one how many were not."""

    def __init__(self) -> None:
        self._second, self._n_told, self._n_untold = 0, 0, 0

    def told(self, why: str) -> str:
        """Return what to say of a refusal, empty for nothing."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._n_told = second, 0
        self._n_told += 1
        if self._n_told > REFUSALS_PER_S:
            self._n_untold += 1
            return ""
        untold, self._n_untold = self._n_untold, 0
        return f"{why}; {untold} more before it" if untold else why
