"""What a coverage study finds: from where, and how long before the impact, rounds of a class are seen."""

import msgspec


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """Rounds that come down in the middle of a zone from one bearing, over one arc and ground range."""

    zone: str
    arc: str  # "flat" or "high"
    bearing_deg: float  # from which it arrives
    ground_range_m: float
    flight_s: float
    apex_m: float  # over the site
    seen_s: float | None  # before the impact, when a first plot is to be counted on; None: never
    tracked_s: float | None  # the same of the plots that a track takes
    e_m: float | None  # where it is then, ENU of the site
    n_m: float | None
    u_m: float | None
    is_hidden: bool = False  # ground is in the way of the flight: such a round cannot come down there


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Neighbouring bearings from which a zone is warned too late, or not at all."""

    zone: str
    arc: str
    from_deg: float  # clockwise from, to; the same: all round
    to_deg: float
    ranges_m: tuple[float, float]  # least and greatest ground range that is too late
    tracked_s: float | None  # the least time before the impact; None: some are never tracked
    needed_s: float
    share_never: float  # of the arrivals that are too late

    def sentence(self) -> str:
        """Say it."""
        is_round = self.from_deg == self.to_deg
        whence = "all round" if is_round else f"from {self.from_deg:.0f} to {self.to_deg:.0f} deg"
        low, high = (each / 1e3 for each in self.ranges_m)
        ranges = f"{low:.1f} km" if low == high else f"{low:.1f} to {high:.1f} km"
        when = "never tracked" if self.share_never == 1.0 else "some never tracked"
        if self.tracked_s is not None:
            when = f"not tracked before {self.tracked_s:.0f} s"
        return f"{self.zone}: {self.arc} arrivals {whence}, {ranges}: {when}, {self.needed_s:.0f} s needed"


class ZoneCover(msgspec.Struct, frozen=True, kw_only=True):
    """How a zone is covered against one arc."""

    zone: str
    arc: str
    needed_s: float  # to take cover, and for the alarm
    n_arrivals: int
    n_in_time: int
    least_s: float | None  # tracked before the impact; None: some never
    median_s: float | None  # None: half of them never


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """A whole study of a site and a class of rounds."""

    site: str
    round_class: str
    rcs_dbsm: float
    p_seen: float  # with which plots are to be counted on
    n_plots: int  # that a track takes
    alarm_s: float
    zones: tuple[ZoneCover, ...]
    gaps: tuple[Gap, ...]
    arrivals: tuple[Arrival, ...]
