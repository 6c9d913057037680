"""The result of a simulated run: counts with denominators and intervals, round by round and in all.

Plain frozen structs for the terminal and for `summary.json`; how they are come by is `outcome`'s matter.
"""

import math
from enum import StrEnum
from typing import Final

import msgspec

Z95: Final = 1.959963984540054
"""Two-sided 95 % point of the standard normal distribution [-]."""


class WarningOutcome(StrEnum):
    """What the people where a round comes down got from the warning."""

    IN_TIME = "warned in time"
    LATE = "warned late"
    NOT_POSSIBLE = "no useful warning possible"
    MISSED = "missed"
    OUTSIDE = "outside every zone"


class RoundFate(StrEnum):
    """What became of a round itself."""

    INTERCEPTED = "intercepted"
    LEAKED = "leaked"  # came down in an asset
    LANDED_OUTSIDE = "landed outside"  # of every asset


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """`k` of `n`, with the Wilson 95 % interval of the share; NaN-free: n = 0 gives the whole range 0 to 1."""

    k: int
    n: int
    low: float
    high: float

    @classmethod
    def of(cls, k: int, n: int) -> "Rate":
        """Count `k` of `n` (Wilson, J. Am. Stat. Assoc. 22, 1927; Brown, Cai, DasGupta, Stat. Sci. 16, 2001, eq. 4)."""
        if n == 0:
            return cls(k=0, n=0, low=0.0, high=1.0)
        p, z2 = k / n, Z95 * Z95
        middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n)
        half = Z95 / (1.0 + z2 / n) * math.sqrt(p * (1.0 - p) / n + z2 / (4.0 * n * n))
        return cls(k=k, n=n, low=max(middle - half, 0.0), high=min(middle + half, 1.0))

    def __str__(self) -> str:
        """Say count, denominator and interval."""
        return f"{self.k} of {self.n} ({100.0 * self.low:.0f} to {100.0 * self.high:.0f} %)"


NOTHING: Final = Rate(k=0, n=0, low=0.0, high=1.0)


class RoundResult(msgspec.Struct, frozen=True, kw_only=True):
    """One round: times in s since the scenario's start, None for what never happened."""

    label: str
    round_class: str
    zone: str  # where it comes down (or would have), empty outside every zone
    asset: str
    impact_e_m: float
    impact_n_m: float
    rise_s: float
    seeable_s: float | None  # first look that would succeed at least every second time
    seen_s: float | None  # first plot
    confirmed_s: float | None  # first confirmed track that follows it
    warned_s: float | None  # since when its zone was under warning when it came down
    impact_s: float  # or when it would have come down
    lead_s: float | None
    warning: WarningOutcome
    fate: RoundFate


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a simulated run, for the terminal and for `summary.json`.

    Shares of warning count rounds that come down in a zone, intercepted ones by where and when they would have.
    A zone's lead is the time from the start of the warning that is in force until the impact; it is "in time" from
    the zone's own `shelter_s` on. No useful warning is possible where the first look that would succeed at least every
    second time, plus `reaction_s`, leaves less than `shelter_s`; a round warned in time all the same counts as that.
    """

    title: str
    seed: int
    with_intercept: bool
    duration_s: float
    reaction_s: float
    n_rounds: int
    n_failed: int
    n_unfinished: int  # still in the air when the run was stopped
    seen: Rate
    confirmed: Rate
    warned_in_time: Rate
    warned_in_time_where_possible: Rate
    warned_late: Rate
    no_useful_warning_possible: Rate
    missed: Rate
    outside_every_zone: Rate
    lead_s: tuple[float, float, float] | None  # 5, 50, 95 % over rounds whose zone was under warning
    zone_warnings: int
    false_warnings: Rate  # of the zone warnings, those that no round caused
    false_warnings_per_hour: float
    false_tracks: int  # confirmed, following nothing but false plots
    intercepted: Rate
    leaked: Rate
    landed_outside: Rate
    # what a rule held back, by which: bursts called off, and threats that were let pass for it
    bursts_held: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    threats_held: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    friends_without_height: int = 0  # held to be at all heights
    # what was hit comes down too: of the intercepted, those whose warhead fell live into a zone, and into none
    fell_live_in_zones: Rate = NOTHING
    fell_live_outside: Rate = NOTHING
    gun_rounds_live_in_zones: Rate = NOTHING  # guns' own rounds that came down unburst: of them, those in a zone
    bursts: int
    kills: int
    threats_not_engaged: int
    traffic_hit: int
    impacts_by_zone: dict[str, int]  # rounds that did come down
    impacts_outside: int
    rounds: tuple[RoundResult, ...]

    def table(self) -> tuple[tuple[str, str], ...]:
        """Return the outcome as rows of what and how much, for a terminal."""
        lead = "none" if self.lead_s is None else " / ".join(f"{x:.1f}" for x in self.lead_s) + " s"
        where = [(f"came down in {zone}", str(n)) for zone, n in self.impacts_by_zone.items()]
        return (
            ("rounds flown (failed to rise)", f"{self.n_rounds} ({self.n_failed})"),
            ("seen by a radar", str(self.seen)),
            ("confirmed as a track", str(self.confirmed)),
            ("warned in time, of rounds into a zone", str(self.warned_in_time)),
            ("warned in time, where that was possible", str(self.warned_in_time_where_possible)),
            ("warned late", str(self.warned_late)),
            ("no useful warning possible", str(self.no_useful_warning_possible)),
            ("missed", str(self.missed)),
            ("lead time 5 / 50 / 95 %", lead),
            ("outside every zone, of all rounds", str(self.outside_every_zone)),
            ("zone warnings that no round caused", str(self.false_warnings)),
            ("intercepted, of all rounds", str(self.intercepted)),
            ("leaked into an asset", str(self.leaked)),
            ("landed outside every asset", str(self.landed_outside)),
            ("of the intercepted, fell live into a zone", str(self.fell_live_in_zones)),
            ("of the intercepted, fell live outside every zone", str(self.fell_live_outside)),
            ("guns' rounds down unburst: of them, in a zone", str(self.gun_rounds_live_in_zones)),
            ("bursts fired, kills", f"{self.bursts}, {self.kills}"),
            *((f"bursts held for: {why}", str(n)) for why, n in self.bursts_held.items()),
            *((f"threats let pass for: {why}", str(n)) for why, n in self.threats_held.items()),
            *((("friends without height: held at all heights", str(n)),) if (n := self.friends_without_height) else ()),
            *where,
            ("came down outside every zone", str(self.impacts_outside)),
        )
