"""Coverage: where a round of a class would first be seen, and how long before its impact.

Flights are solved backwards from their impacts, as raids are, in still air: one for each ground range and arc, turned
to every bearing and moved to every zone. The Earth's turning moves a flight by tens of metres, which no radar's
coverage notices. Each look of each radar has the chance that `physics.detection` says; chance itself is not drawn.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.errors import DomainError, SettingsError
from casemate.model.catalog import RoundClass, SiteFile
from casemate.model.coverage import Arrival, Coverage, Gap, ZoneCover
from casemate.physics.arrival import Arc, Trajectory, solve_arrival
from casemate.physics.detection import p_detection, snr_at
from casemate.physics.geodesy import SiteFrame
from casemate.physics.spin import solve_spinning_arrival
from casemate.physics.terrain import Terrain, ground_height_m, impact_of
from casemate.sim.sensor import RadarTruth
from casemate.sim.sensor.beam import Beam, Meeting

Floats = NDArray[np.float64]

RCS_DBSM: Final = {"r107": -22.0, "r122": -22.0, "m60": -30.0, "m82": -28.0, "m120": -23.0, "s155": -20.0}
"""Mean radar cross section from ahead or behind at X and Ku band [dBsm], +-6 to 7 dB: section 1.4 of the project's
public parameter list [A]."""

P_SEEN: Final = 0.9
"""Plots are counted on when so many or more come with this probability."""
N_PLOTS: Final = 3
"""Plots that a track of a round takes before it is declared one, mostly (docs/decisions/0010) [A]."""
ALARM_S: Final = 2.0
"""From the last of them to the siren [s]: 1 s to decide, 1 s of alarm path [A], as `Scenario.reaction_s` has them."""
BEARING_STEP_DEG: Final = 10.0
RANGE_SHARES: Final = (0.05, 0.275, 0.5, 0.725, 0.95)
"""Ground ranges, as shares of the way from the class's least to its greatest."""

RIDGE_M: Final = 100.0
"""A flight that ends farther than this from the zone's middle [m] came down on something before it [A]."""

_PHASES: Final = 4  # of a radar's turn at the start of a flight; the worst of them counts
_SAMPLE_S: Final = 0.05  # of a flight, to find looks between: 25 m of way
_LAW: Final = 1  # Swerling 1: tumbling or finned
_ARCS: Final[tuple[Arc, ...]] = ("flat", "high")


class _Target(NamedTuple):
    name: str
    needed_s: float
    middle_m: Floats  # (2,)


class _Flight(NamedTuple):
    arc: Arc
    ground_range_m: float
    path: Trajectory  # arrives at the origin from north


def study_coverage(
    site: SiteFile,
    round_class: RoundClass,
    terrain: Terrain | None = None,
    rcs_dbsm: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Coverage:
    """Fly a class of rounds at every zone of a site from every side, and find when its radars see them.

    Parameters
    ----------
    site : SiteFile
        Radars and zones; assets where there is no zone, the site's origin where there is neither.
    round_class : RoundClass
        What flies.
    terrain : Terrain, optional
        The ground; level at the site's height when not given.
    rcs_dbsm : float, optional
        Mean radar cross section; by default that of `RCS_DBSM`.
    progress : callable, optional
        Told how many flights of how many are done.

    Raises
    ------
    SettingsError
        A class of no known cross section, or one that declares no bands of flight.
    """
    rcs = RCS_DBSM.get(round_class.name) if rcs_dbsm is None else rcs_dbsm
    if rcs is None:
        raise SettingsError("--rcs", "", f"no radar cross section is known of {round_class.name!r}: give one in dBsm")
    frame = SiteFrame.of(site.site)
    beams = [Beam(radar, RadarTruth(name=radar.name), frame, terrain) for radar in site.sensor]
    targets, bearings = _targets(site, frame), np.radians(np.arange(0.0, 360.0, BEARING_STEP_DEG))
    arrivals: list[Arrival] = []
    wanted: list[tuple[Arc, float]] = [(arc, share) for arc in _ARCS for share in RANGE_SHARES]
    for i, (arc, share) in enumerate(wanted):
        flight = _solve(round_class, frame, arc, share)
        if flight is not None:
            for target in targets:
                arrivals += _look(site, beams, terrain, frame, flight, target, bearings, rcs)
        if progress is not None:
            progress(i + 1, len(wanted))
    if not arrivals:
        raise SettingsError("--round", "", f"no flight of {round_class.name!r} could be solved")
    return Coverage(
        site=site.site.name,
        round_class=round_class.name,
        rcs_dbsm=rcs,
        p_seen=P_SEEN,
        n_plots=N_PLOTS,
        alarm_s=ALARM_S,
        zones=tuple(_zone_cover(target, arc, arrivals) for target in targets for arc in _ARCS),
        gaps=tuple(gap for target in targets for arc in _ARCS for gap in _gaps(target, arc, arrivals)),
        arrivals=tuple(arrivals),
    )


def _targets(site: SiteFile, frame: SiteFrame) -> list[_Target]:
    found: list[_Target] = []
    shapes = [(zone.name, zone.shelter_s, zone.polygon_deg) for zone in site.zone]
    for name, shelter_s, ring in shapes or [(asset.name, 0.0, asset.polygon_deg) for asset in site.asset]:
        corners = np.array(ring)
        enu = frame.msl_to_enu(corners[:, 0], corners[:, 1], np.full(len(corners), site.site.height_m))[:, :2]
        found.append(_Target(name, shelter_s + ALARM_S, enu.mean(axis=0)))
    return found or [_Target(site.site.name, ALARM_S, np.zeros(2))]


def _solve(body: RoundClass, frame: SiteFrame, arc: Arc, share: float) -> _Flight | None:
    if body.ground_range_m is None:
        raise SettingsError("--round", "", f"{body.name!r} declares no band ground_range_m")
    low, high = body.ground_range_m
    ground_range_m = low + share * (high - low)
    solve = solve_arrival if body.spin is None else solve_spinning_arrival
    try:
        return _Flight(arc, ground_range_m, solve(body, frame, np.zeros(2), 0.0, ground_range_m, arc=arc))
    except DomainError:  # an arc that the class does not have at this range
        return None


def _look(
    site: SiteFile,
    beams: Sequence[Beam],
    terrain: Terrain | None,
    frame: SiteFrame,
    flight: _Flight,
    target: _Target,
    bearings_rad: Floats,
    rcs_dbsm: float,
) -> Iterator[Arrival]:
    for bearing in bearings_rad.tolist():
        path, is_hidden = _placed(flight.path, target.middle_m, bearing, terrain, frame)
        end_s = float(path.t_s[-1])
        seen_s, tracked_s = (None, None) if is_hidden else _first_seen(site, beams, path, rcs_dbsm)
        place = None if tracked_s is None else np.ravel(path.at(tracked_s)[0])
        yield Arrival(
            zone=target.name,
            arc=flight.arc,
            bearing_deg=math.degrees(bearing),
            ground_range_m=flight.ground_range_m,
            flight_s=end_s - float(path.t_s[0]),
            apex_m=float(path.pos_m[:, 2].max()),
            seen_s=None if seen_s is None else end_s - seen_s,
            tracked_s=None if tracked_s is None else end_s - tracked_s,
            e_m=None if place is None else float(place[0]),
            n_m=None if place is None else float(place[1]),
            u_m=None if place is None else float(place[2]),
            is_hidden=is_hidden,
        )


def _placed(
    path: Trajectory, to_m: Floats, bearing_rad: float, terrain: Terrain | None, frame: SiteFrame
) -> tuple[Trajectory, bool]:
    # Turned about the impact and moved to it; on terrain lifted to the ground there, hidden where a ridge is before.
    sin, cos = math.sin(bearing_rad), math.cos(bearing_rad)
    turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    lift_m = 0.0
    if terrain is not None:
        lift_m = ground_height_m(terrain, float(to_m[0]), float(to_m[1])) - frame.height_m
    pos = (path.pos_m - path.pos_m[-1] * [1.0, 1.0, 0.0]) @ turn + np.array([to_m[0], to_m[1], lift_m])
    moved = Trajectory(path.t_s, pos, path.vel_mps @ turn)
    if terrain is None:
        return moved, False
    try:
        landed = impact_of(_longer(moved), terrain, after_s=float(path.t_s[np.argmax(path.pos_m[:, 2])]))
    except DomainError:  # its highest point is in a hill
        return moved, True
    return landed, bool(np.hypot(*(landed.pos_m[-1] - moved.pos_m[-1])[:2]) > RIDGE_M)


def _longer(path: Trajectory) -> Trajectory:
    # A tenth of a second on in a straight line, so that it ends under the ground for certain.
    beyond = path.pos_m[-1] + 0.1 * path.vel_mps[-1]
    return Trajectory(
        np.append(path.t_s, path.t_s[-1] + 0.1),
        np.vstack((path.pos_m, beyond)),
        np.vstack((path.vel_mps, path.vel_mps[-1])),
    )


def _first_seen(
    site: SiteFile, beams: Sequence[Beam], path: Trajectory, rcs_dbsm: float
) -> tuple[float | None, float | None]:
    # When a first plot, and when N_PLOTS, are to be counted on [s of the path]: the latest over phases of the turns.
    looks = [_chances(site, i, beam, path, rcs_dbsm) for i, beam in enumerate(beams)]
    firsts: list[float] = []
    tracks: list[float] = []
    for phase in range(_PHASES):
        t_s = np.concatenate([t[phase::_PHASES] for t, _ in looks])
        order = np.argsort(t_s)
        p = np.concatenate([chance[phase::_PHASES] for _, chance in looks])[order]
        t_s = t_s[order]
        for n, found in ((1, firsts), (N_PLOTS, tracks)):
            enough = np.flatnonzero(p_at_least(p, n) >= P_SEEN)
            found.append(float(t_s[enough[0]]) if len(enough) else math.inf)
    # A phase between two of these sees what the earlier one sees, up to a step of phases later.
    step_s = max(beam.period_s for beam in beams) / _PHASES
    first, track = (max(times) + step_s for times in (firsts, tracks))
    end_s = float(path.t_s[-1])
    return None if first > end_s else first, None if track > end_s else track


def _chances(site: SiteFile, i_sensor: int, beam: Beam, path: Trajectory, rcs_dbsm: float) -> tuple[Floats, Floats]:
    # Times of looks, in _PHASES combs of one period each, and the chance of a plot at each.
    radar = site.sensor[i_sensor]
    t_s = _look_times(beam, path)
    pos = np.stack([np.interp(t_s, path.t_s, path.pos_m[:, k]) for k in range(3)], axis=1)
    vel = np.stack([np.interp(t_s, path.t_s, path.vel_mps[:, k]) for k in range(3)], axis=1)
    seen = beam.model.measure(pos, vel)
    met = beam.covers(Meeting(t_s, pos, seen)) & beam.is_moving(seen.range_rate_mps)
    snr = snr_at(seen.range_m, np.full(len(t_s), rcs_dbsm), radar.reference_range_m, radar.pulses)
    chance = radar.p_detection * p_detection(snr, np.full(len(t_s), _LAW), radar.pulses)
    return t_s, np.where(met, chance, 0.0)


def _look_times(beam: Beam, path: Trajectory) -> Floats:
    # The beam is on a round where its turns less the round's own way round are whole, but for the phase: a round that
    # passes by the radar meets it sooner or later than once a period.
    t_s = np.arange(float(path.t_s[0]), float(path.t_s[-1]), min(0.25 * beam.period_s, _SAMPLE_S))
    pos = np.stack([np.interp(t_s, path.t_s, path.pos_m[:, k]) for k in range(3)], axis=1)
    way_rad = np.unwrap(beam.model.measure(pos, np.zeros_like(pos)).az_rad)
    turns: Floats = np.maximum.accumulate(t_s / beam.period_s - way_rad / beam.sweep_rad)
    first, last = math.ceil(float(turns[0]) * _PHASES), math.floor(float(turns[-1]) * _PHASES)
    combs = np.arange(first, last + 1).astype(np.float64) / _PHASES
    out: Floats = np.interp(combs, turns, t_s)
    return out


def p_at_least(p: Floats, n_plots: int) -> Floats:
    """Return the probability of at least so many successes up to and with each of independent trials.

    Parameters
    ----------
    p : (m,) float64
        Chance of each trial, less than 1.
    n_plots : int
        From 1 on.

    Returns
    -------
    (m,) float64
        Rising.
    """
    # Of k successes: the product of all failures times the k-th elementary symmetric polynomial of the odds.
    odds = p / (1.0 - p)
    ways = np.ones(len(p))
    fewer = ways.copy()
    for k in range(1, n_plots):
        before = np.concatenate([[1.0 if k == 1 else 0.0], ways[:-1]])
        ways = np.cumsum(odds * before)
        fewer += ways
    return 1.0 - np.cumprod(1.0 - p) * fewer


def _zone_cover(target: _Target, arc: Arc, arrivals: Sequence[Arrival]) -> ZoneCover:
    times = [_time(each) for each in arrivals if each.zone == target.name and each.arc == arc and not each.is_hidden]
    least, median = (min(times), float(np.median(times))) if times else (-math.inf, -math.inf)
    return ZoneCover(
        zone=target.name,
        arc=arc,
        needed_s=target.needed_s,
        n_arrivals=len(times),
        n_in_time=sum(t >= target.needed_s for t in times),
        least_s=None if math.isinf(least) else least,
        median_s=None if math.isinf(median) else median,
    )


def _time(arrival: Arrival) -> float:
    return -math.inf if arrival.tracked_s is None else arrival.tracked_s


def _gaps(target: _Target, arc: Arc, arrivals: Sequence[Arrival]) -> Iterator[Gap]:
    own = [each for each in arrivals if each.zone == target.name and each.arc == arc and not each.is_hidden]
    late = [each for each in own if _time(each) < target.needed_s]
    n = round(360.0 / BEARING_STEP_DEG)
    is_late = [False] * n
    for each in late:
        is_late[round(each.bearing_deg / BEARING_STEP_DEG) % n] = True
    for first, count in _runs(is_late):
        bearings = {(first + k) % n for k in range(count)}
        part = [each for each in late if round(each.bearing_deg / BEARING_STEP_DEG) % n in bearings]
        least, ranges = min(map(_time, part)), [each.ground_range_m for each in part]
        yield Gap(
            zone=target.name,
            arc=arc,
            from_deg=(first - 0.5) * BEARING_STEP_DEG % 360.0,
            to_deg=(first + count - 0.5) * BEARING_STEP_DEG % 360.0,
            ranges_m=(min(ranges), max(ranges)),
            tracked_s=None if math.isinf(least) else least,
            needed_s=target.needed_s,
            share_never=sum(each.tracked_s is None for each in part) / len(part),
        )


def _runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    # First and length of each run of True around a circle.
    n = len(flags)
    if all(flags):
        yield 0, n
        return
    for i in range(n):
        if flags[i] and not flags[i - 1]:
            count = next(k for k in range(1, n + 1) if not flags[(i + k) % n])
            yield i, count
