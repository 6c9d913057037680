"""Scenarios: what a simulated night holds, declared in TOML and drawn from one recorded seed.

A raid is declared by where its rounds come down, from which bearing, of which class and over which arc or
flight time; the flight is solved backwards from each impact. There are no launcher settings. This room
must not know the pipeline, and nothing on the live side may import it.
"""

from datetime import UTC, datetime
from typing import Annotated, cast

import numpy as np
from msgspec import Meta

from casemate.constants import NS_PER_S
from casemate.errors import SettingsError
from casemate.model.catalog import (
    Band,
    Declaration,
    Lat,
    Lon,
    Name,
    NotNegative,
    RadarSite,
    RoundClass,
)
from casemate.physics.profile import Profile
from casemate.sim.clutter.declared import Decibel, Flock, Ground, Rain, Traffic, Turbines
from casemate.sim.intercept.declared import Airspace, Flight, NoFire, Restraint, Roof, RulesOfFire, SafeArc
from casemate.sim.intercept.gun import Gun
from casemate.sim.sensor.declared import RadarTruth, fault_of

Bearing = Annotated[float, Meta(ge=0.0, lt=360.0)]
Count = Annotated[int, Meta(ge=0, le=100_000)]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Raid(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rounds that come down together: impact, bearing, class, flight; never how they were launched.

    The mean impact is `impact_e_m`, `impact_n_m` (ENU of the site) or `impact_lat_deg`, `impact_lon_deg`.
    Each of the `groups` draws its bearing and ground range once, and all its rounds rise within
    `group_sigma_m` of one area, so scatter at the impact is scatter of the flight, as it is in nature.
    """

    round_class: Name
    count: Annotated[int, Meta(ge=1, le=1000)]  # rounds that fly
    failed: Count = 0  # rounds that never left; only reported
    impact_e_m: float | None = None
    impact_n_m: float | None = None
    impact_lat_deg: Lat | None = None
    impact_lon_deg: Lon | None = None
    impact_sigma_m: NotNegative = 0.0  # 1 sigma per axis, each round anew
    shared_sigma_m: NotNegative = 0.0  # 1 sigma per axis, once for the whole raid
    walk_e_m: float = 0.0  # the mean impact moves by this from round to round
    walk_n_m: float = 0.0
    bearing_deg: Bearing  # from which the rounds arrive, clockwise from north
    bearing_spread_deg: Annotated[float, Meta(ge=0.0, le=180.0)] = 0.0  # half width, uniform over groups
    ground_range_m: Band  # uniform over groups
    groups: Annotated[int, Meta(ge=1, le=100)] = 1
    group_sigma_m: NotNegative = 10.0
    arc: Annotated[str, Meta(pattern="^(flat|high)$")] | None = None
    flight_s: Band | None = None  # instead of an arc; drawn once a group
    start_s: NotNegative  # when the first round rises
    spread_s: Band | None = None  # all rounds rise within this, uniformly
    interval_s: Band | None = None  # or one after another at this interval
    rcs_dbsm: Decibel  # mean of the class
    rcs_sigma_db: NotNegative = 7.0  # between model and measurement, once a raid [A]
    swerling: Annotated[int, Meta(ge=1, le=3)] = 1  # 1: tumbling or finned, 3: steady nose aspect


class WindLayer(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The true wind at one height, linear between layers; the filter is not told."""

    height_m: float
    from_deg: Bearing
    speed_mps: NotNegative


class People(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many people live where, spread evenly; for studies of harm."""

    people_per_km2: NotNegative
    zones: tuple[Name, ...] = ()  # of the site; none: everywhere outside its zones


class Scenario(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole scenario file."""

    title: str
    source: str  # one sentence: what is known, and from where
    seed: Annotated[int, Meta(ge=0)]
    t_start: Annotated[datetime, Meta(tz=True)] | int  # with a time zone, or ns since 1970
    duration_s: Annotated[float, Meta(gt=0.0, le=31.0 * 86_400.0)]  # a raid still in the air is flown to its end
    site: Name  # a packaged site, or a path
    reaction_s: NotNegative = 5.0  # see `Outcome`: 3 more plots at 1 Hz, 1 s to decide, 1 s of alarm path [A]
    raid: tuple[Raid, ...] = ()
    gun: tuple[Gun, ...] = ()
    rules: RulesOfFire | None = None
    friend: tuple[Flight, ...] = ()
    airspace: tuple[Airspace, ...] = ()
    no_fire: tuple[NoFire, ...] = ()
    safe_arc: tuple[SafeArc, ...] = ()
    roof: tuple[Roof, ...] = ()
    traffic: tuple[Traffic, ...] = ()
    flock: tuple[Flock, ...] = ()
    turbines: tuple[Turbines, ...] = ()
    rain: tuple[Rain, ...] = ()
    ground: tuple[Ground, ...] = ()
    wind: tuple[WindLayer, ...] = ()
    radar: tuple[RadarTruth, ...] = ()
    people: tuple[People, ...] = ()

    def t_start_ns(self) -> int:
        """Return the start in ns UTC since 1970, exact to the microsecond that TOML can say."""
        if isinstance(self.t_start, int):
            return self.t_start
        since = self.t_start - _EPOCH
        return (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1000

    def restraint(self) -> Restraint:
        """Return all that restrains simulated fire."""
        return Restraint(
            rules=self.rules, friend=self.friend, airspace=self.airspace, no_fire=self.no_fire, safe_arc=self.safe_arc,
            roof=self.roof,
        )  # fmt: skip

    def wind_profile(self) -> Profile | None:
        """Return the true wind by height, None in still air."""
        if not self.wind:
            return None
        layers = sorted(self.wind, key=lambda layer: layer.height_m)
        toward = np.radians([layer.from_deg + 180.0 for layer in layers])
        speed = np.array([layer.speed_mps for layer in layers])
        return Profile(
            height_m=np.array([layer.height_m for layer in layers]),
            pressure_pa=None,
            temperature_k=None,
            wind_e_mps=speed * np.sin(toward),
            wind_n_mps=speed * np.cos(toward),
        )


def check_scenario(
    scenario: Scenario, file: str, classes: tuple[RoundClass, ...], sensors: tuple[RadarSite, ...]
) -> None:
    """Refuse what single keys cannot show: bands upside down, one impact too many, names unknown.

    Raises
    ------
    SettingsError
        With `file` (the scenario's path or name), the key and one sentence.
    """
    names = tuple(round_class.name for round_class in classes)
    for i, raid in enumerate(scenario.raid):
        why = _raid_fault(raid, names)
        if why is not None:
            raise SettingsError(file, f"raid[{i}].{why[0]}", why[1])
    _check_clutter(scenario, file)
    for key, why in scenario.restraint().faults(scenario.gun):
        raise SettingsError(file, key, why)
    for i, radar in enumerate(scenario.radar):
        site = {sensor.name: sensor for sensor in sensors}.get(radar.name)
        if site is None:
            declared = [sensor.name for sensor in sensors]
            raise SettingsError(file, f"radar[{i}].name", f"{radar.name!r} is no sensor of the site: {declared}")
        why = fault_of(radar, site)
        if why is not None:
            raise SettingsError(file, f"radar[{i}].{why[0]}", why[1])
    heights = [layer.height_m for layer in scenario.wind]
    if len(set(heights)) != len(heights):
        raise SettingsError(file, "wind", "two layers at one height")


def _check_clutter(scenario: Scenario, file: str) -> None:
    for name in ("traffic", "flock", "turbines", "rain", "ground"):
        for i, declared in enumerate(getattr(scenario, name)):
            _check_bands(declared, file, f"{name}[{i}]")
    for i, farm in enumerate(scenario.turbines):
        if farm.height_m[1] - farm.height_m[0] < 2.0 * farm.blade_m:
            raise SettingsError(file, f"turbines[{i}].blade_m", f"two of {farm.blade_m:g} m exceed the band height_m")


def _check_bands(declared: Declaration, file: str, where: str) -> None:
    for key in declared.__struct_fields__:
        band = getattr(declared, key)
        if isinstance(band, tuple) and not _is_rising(cast("Band", band)):
            raise SettingsError(file, f"{where}.{key}", "must be a band [low, high]")
        if key in {"life_s", "leg_s"} and band[0] <= 0.0:  # nothing can last no time: there would be no end of them
            raise SettingsError(file, f"{where}.{key}", "must be a band above 0")


def _is_rising(band: tuple[float, float] | None) -> bool:
    return band is None or 0.0 <= band[1] - band[0] < np.inf


def _raid_fault(raid: Raid, classes: tuple[str, ...]) -> tuple[str, str] | None:
    if raid.round_class not in classes:
        return "round_class", f"{raid.round_class!r} is no round class: {list(classes)}"
    enu = (raid.impact_e_m, raid.impact_n_m)
    geodetic = (raid.impact_lat_deg, raid.impact_lon_deg)
    if sorted(pair.count(None) for pair in (enu, geodetic)) != [0, 2]:
        return "impact_e_m", "give impact_e_m and impact_n_m, or impact_lat_deg and impact_lon_deg"
    if (raid.arc is None) == (raid.flight_s is None):
        return "arc", 'give arc ("flat" or "high") or flight_s'
    if raid.count > 1 and (raid.spread_s is None) == (raid.interval_s is None):
        return "spread_s", "give spread_s or interval_s"
    for key in ("ground_range_m", "flight_s", "spread_s", "interval_s"):
        band = getattr(raid, key)
        if not _is_rising(band) or (band is not None and band[0] < 0.0):
            return key, "must be a band [low, high], not negative"
    return None
