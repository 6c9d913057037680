"""What restrains simulated fire, as a scenario declares it: weapons state, consent, airspaces, sectors, roofs, arcs.

Each only ever takes shots away. A friendly aircraft is declared by how it flies, which the world knows, and by how it
reports itself, which is all that a rule knows.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated

from msgspec import Meta

from casemate.model.catalog import Band, Declaration, Height, Lat, Lon, Name, NotNegative, Positive, Ring, Share
from casemate.sim.intercept.gun import Gun

Azimuth = Annotated[float, Meta(ge=0.0, le=360.0)]
Elevation = Annotated[float, Meta(ge=-90.0, le=90.0)]
Way = Annotated[tuple[tuple[Lat, Lon], ...], Meta(min_length=2)]
"""A way over the ground as (lat_deg, lon_deg) vertices."""

Fault = tuple[str, str]
"""A key, and what is wrong with it."""


class RulesOfFire(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[rules]`: who may be engaged, and who says so.

    Consent is asked once for each threat. It comes after a log-normal time of median `consent_s`, two thirds of all
    within a factor of `consent_factor`, or is refused for good.
    """

    weapons: Annotated[str, Meta(pattern="^(free|tight)$")] = "free"
    tight_rank: Annotated[int, Meta(ge=0)] = 1  # weapons tight: only threats of this rank or worse; 0: none
    consent_s: NotNegative = 0.0  # 0: nobody is asked
    consent_factor: Annotated[float, Meta(ge=1.0, le=10.0)] = 1.6
    p_veto: Share = 0.0
    keep_off_ground: bool = False  # no round below the elevation at which it would meet the ground before its end
    is_obeyed: bool = True  # False: the same night as if none of all this were declared: what holding fire costs


class Reports(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a friendly aircraft reports itself: as by ADS-B, received and passed on as CAT021."""

    period_s: Positive = 1.0  # position and velocity are sent twice a second, passed on once [A]
    latency_s: Band = (0.3, 1.2)  # from measuring to our having it [A]
    sigma_m: NotNegative = 10.0  # per axis, half of its variance constant [A]: within 30 m, 95 %
    sigma_height_m: NotNegative = 15.0  # [A]: within 45 m, 95 %
    sigma_mps: NotNegative = 0.5  # of velocity, per axis [A]
    lost_share: Share = 0.1  # of reports [A]
    gaps_per_hour: NotNegative = 30.0  # times that it falls silent [A]: hills, own airframe
    gap_s: Band = (4.0, 12.0)  # for so long [A]
    has_height: bool = True  # False: no geometric altitude is told


class Flight(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[friend]]`: an aircraft that flies a way at one height and speed, and reports itself."""

    name: Annotated[str, Meta(min_length=1, max_length=8)]  # its callsign
    kind: Annotated[str, Meta(pattern="^(aircraft|light|helicopter)$")] = "helicopter"
    way_deg: Way
    height_m: Height  # over the site
    speed_mps: Positive
    start_s: Band = (0.0, 0.0)  # when it is where the way begins
    laps: Annotated[int, Meta(ge=1, le=1000)] = 1  # from the last vertex on to the first, and round again
    rcs_dbsm: tuple[float, float] = (3.0, 10.0)
    load_g: Positive = 0.5  # of its turns
    reports: Reports = Reports()


class Airspace(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[airspace]]`: where friends may be at any time, not to be fired into: a polygon, or a corridor along a way."""

    name: Name
    polygon_deg: Ring | None = None
    way_deg: Way | None = None
    half_width_m: Positive | None = None  # of the corridor
    height_m: Band | None = None  # above mean sea level; None: all heights
    from_s: NotNegative = 0.0  # since the scenario's start
    to_s: NotNegative | None = None  # None: to its end


class NoFire(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[no_fire]]`: directions in which a gun may not fire."""

    gun: Name | None = None  # None: all guns
    azimuth_deg: tuple[Azimuth, Azimuth] = (0.0, 360.0)  # clockwise from, to; equal ends are all round
    elevation_deg: tuple[Elevation, Elevation] = (-90.0, 90.0)


class SafeArc(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[safe_arc]]`: the least elevation at which a gun may fire in some directions."""

    gun: Name | None = None  # None: all guns
    azimuth_deg: tuple[Azimuth, Azimuth] = (0.0, 360.0)
    least_elevation_deg: Elevation


class Roof(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[roof]]`: what stands below the rounds' way, which must clear it."""

    name: Name
    polygon_deg: Ring
    height_m: Height  # of its top above mean sea level
    clear_m: NotNegative = 10.0  # by so much [A]


class Restraint(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it, out of a scenario."""

    rules: RulesOfFire | None
    friend: tuple[Flight, ...]
    airspace: tuple[Airspace, ...]
    no_fire: tuple[NoFire, ...]
    safe_arc: tuple[SafeArc, ...]
    roof: tuple[Roof, ...]

    def is_any(self) -> bool:
        """Tell whether anything here could hold fire."""
        given = bool(self.friend or self.airspace or self.no_fire or self.safe_arc or self.roof)
        return (given or self.rules is not None) and (self.rules is None or self.rules.is_obeyed)

    def faults(self, guns: Sequence[Gun]) -> Iterator[Fault]:
        """Yield each key that is wrong, and why."""
        names = [gun.name for gun in guns]
        for kind, rows in (("no_fire", self.no_fire), ("safe_arc", self.safe_arc)):
            for i, row in enumerate(rows):
                if row.gun is not None and row.gun not in names:
                    yield f"{kind}[{i}].gun", f"{row.gun!r} is no gun of the scenario: {names}"
        for i, sector in enumerate(self.no_fire):
            if not sector.elevation_deg[0] < sector.elevation_deg[1]:
                yield f"no_fire[{i}].elevation_deg", "is upside down: must be [low, high]"
        for i, space in enumerate(self.airspace):
            yield from _airspace_faults(space, f"airspace[{i}]")
        for i, flight in enumerate(self.friend):
            yield from _flight_faults(flight, f"friend[{i}]")
        if len({flight.name for flight in self.friend}) < len(self.friend):
            yield "friend", "two of one name"


def _airspace_faults(space: Airspace, where: str) -> Iterator[Fault]:
    if (space.polygon_deg is None) == (space.way_deg is None):
        yield f"{where}.polygon_deg", "give polygon_deg, or way_deg with half_width_m"
    elif (space.way_deg is None) != (space.half_width_m is None):
        yield f"{where}.half_width_m", "goes with way_deg, and way_deg with it"
    if space.height_m is not None and not space.height_m[0] < space.height_m[1]:
        yield f"{where}.height_m", "is upside down: must be [low, high]"
    if space.to_s is not None and not space.from_s < space.to_s:
        yield f"{where}.to_s", f"must come after from_s = {space.from_s:g}"


def _flight_faults(flight: Flight, where: str) -> Iterator[Fault]:
    bands = {
        "start_s": flight.start_s, "rcs_dbsm": flight.rcs_dbsm, "reports.latency_s": flight.reports.latency_s,
        "reports.gap_s": flight.reports.gap_s,
    }  # fmt: skip
    for key, band in bands.items():
        if not band[0] <= band[1] or (key != "rcs_dbsm" and band[0] < 0.0):
            yield f"{where}.{key}", "must be a band [low, high]" + (", not negative" if key != "rcs_dbsm" else "")
