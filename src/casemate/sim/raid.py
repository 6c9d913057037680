"""Raids drawn into rounds: impacts first, then the flight that ends at each, solved backwards.

Chance decides where each round comes down and when it rises; nothing here aims forward from a launcher.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.errors import DomainError, SettingsError
from casemate.model.catalog import Band, RoundClass
from casemate.physics.arrival import Arc, Trajectory, solve_arrival
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile
from casemate.physics.spin import solve_spinning_arrival
from casemate.physics.terrain import Terrain, ground_height_m, impact_of
from casemate.sim.scenario import Raid, Scenario
from casemate.sim.sensor import Bodies

Floats = NDArray[np.float64]

_ARCS: dict[str, Arc] = {"flat": "flat", "high": "high"}

_TRIES = 50
"""Draws after which a raid is held to be impossible: at a chance of one in ten, 0.5 % of possible raids fail."""

_APART_S = 1e4
"""Distance between the keys of two rounds [s]: longer than any flight."""


_BEYOND_S: Final = 0.1
"""How long a flight is carried on in a straight line [s], so that one that ends up to 0.1 m beside its impact meets the
slope there: 5 m of descent at the slowest, 5 cm away from the true path."""


class Round(NamedTuple):
    """A round that flies: times in s since the scenario's start, ENU of the site."""

    truth_id: int
    label: str
    i_raid: int
    round_class: str
    start_s: float
    impact_s: float
    impact_m: Floats  # (2,)
    rcs_dbsm: float
    swerling: int
    trajectory: Trajectory


class _Group(NamedTuple):
    # Rounds that rise from one area, over one kind of arc.
    area_m: Floats  # (2,)
    flight_s: float | None


class _Kit(NamedTuple):
    # What the rounds of one raid share.
    i_raid: int
    raid: Raid
    body: RoundClass
    frame: SiteFrame
    wind: Profile | None
    make: float  # drag of this make over the class's
    middle: Floats  # (2,) mean impact, the shared error in it
    terrain: Terrain | None

    def fly(self, impact: Floats, back: Floats, flight_s: float | None, drag: float) -> Trajectory:
        """Return the flight that ends at `impact` and came over `back` (2,) [m] from there, spinning if it does.

        On terrain it is solved over level ground as high as the impact, and ends earlier where a ridge is in its way.
        """
        bearing = math.atan2(back[0], back[1]) % (2.0 * math.pi)
        distance = float(np.hypot(back[0], back[1]))
        arc = _ARCS[self.raid.arc or "flat"]  # a flight time settles the arc by itself
        solve = solve_arrival if self.body.spin is None else solve_spinning_arrival
        ground = self.frame if self.terrain is None else _lifted(self.frame, self.terrain, impact)
        path = solve(
            self.body,
            ground,
            impact,
            bearing,
            distance,
            arc=arc,
            flight_s=flight_s,
            drag_factor=self.make * drag,
            wind=self.wind,
        )
        return path if self.terrain is None else _land(path, ground.height_m - self.frame.height_m, self.terrain)

    def impossible(self, why: str) -> SettingsError:
        """Make the error that says that no such raid can fly."""
        return SettingsError("scenario", f"raid[{self.i_raid}]", f"no flight of {self.body.name} fits: {why}")


def _lifted(frame: SiteFrame, terrain: Terrain, impact: Floats) -> SiteFrame:
    # The site's frame moved up or down its own axis to the height of the ground at an impact.
    ground_m = ground_height_m(terrain, float(impact[0]), float(impact[1]))
    return SiteFrame(frame.lat_deg, frame.lon_deg, ground_m, frame.geoid_m)


def _land(path: Trajectory, lift_m: float, terrain: Terrain) -> Trajectory:
    # A flight in a lifted frame, back in the site's own and down to the ground. Only from its highest point on: where
    # it rose, the ground may be higher or lower than at the impact, and a warning has no use for a truer beginning.
    pos = path.pos_m + np.array([0.0, 0.0, lift_m])
    beyond = pos[-1] + _BEYOND_S * path.vel_mps[-1]
    longer = Trajectory(
        np.append(path.t_s, path.t_s[-1] + _BEYOND_S),
        np.vstack((pos, beyond)),
        np.vstack((path.vel_mps, path.vel_mps[-1])),
    )
    return impact_of(longer, terrain, after_s=float(path.t_s[np.argmax(pos[:, 2])]))


class Volley:
    """All rounds of a scenario, in the order in which they rise; a table that answers for many at once.

    Parameters
    ----------
    rounds : sequence of Round
        With truth ids 1, 2, 3 ... in order.
    """

    def __init__(self, rounds: Sequence[Round]) -> None:
        self.rounds = tuple(rounds)
        self.truth_id = np.array([r.truth_id for r in rounds], np.int64)
        self.label = np.array([r.label for r in rounds], "U24")
        self.start_s = np.array([r.start_s for r in rounds])
        self.end_s = np.array([r.impact_s for r in rounds])
        self.rcs_dbsm = np.array([r.rcs_dbsm for r in rounds])
        self.swerling = np.array([r.swerling for r in rounds], np.int64)
        times = [r.trajectory.t_s - r.trajectory.t_s[0] for r in rounds]
        self._last = np.cumsum([len(t) for t in times], dtype=np.int64) - 1
        self._keys = np.concatenate([np.zeros(0), *(t + i * _APART_S for i, t in enumerate(times))])
        self._pos = np.concatenate([np.zeros((0, 3)), *(r.trajectory.pos_m for r in rounds)])
        self._vel = np.concatenate([np.zeros((0, 3)), *(r.trajectory.vel_mps for r in rounds)])

    def bodies(self, i_round: NDArray[np.int64]) -> Bodies:
        """Return rows of the volley as what a beam may meet."""
        n = len(i_round)

        def at(t_s: Floats) -> tuple[Floats, Floats]:
            return self.at(i_round, t_s)

        return Bodies(
            truth_id=self.truth_id[i_round],
            start_s=self.start_s[i_round],
            end_s=self.end_s[i_round],
            rcs_dbsm=self.rcs_dbsm[i_round],
            rcs_law=self.swerling[i_round],
            rcs_sigma_db=np.zeros(n),
            rate_spread_mps=np.zeros(n),
            at=at,
        )

    def at(self, i_round: NDArray[np.int64], t_s: Floats) -> tuple[Floats, Floats]:
        """Return where rounds are, by cubic Hermite between the samples of each flight.

        Parameters
        ----------
        i_round : (n,) int64
            Rows of `truth_id`.
        t_s : (n,) float64 [s]
            Since the scenario's start; outside a flight its nearest end answers.

        Returns
        -------
        pos, vel : (n, 3) float64 [m], [m/s]
            ENU of the site.
        """
        key = np.clip(t_s, self.start_s[i_round], self.end_s[i_round]) - self.start_s[i_round] + i_round * _APART_S
        first = np.concatenate([np.zeros(1, np.int64), self._last[:-1] + 1])[i_round]
        j = np.clip(np.searchsorted(self._keys, key, side="right") - 1, first, self._last[i_round] - 1)
        h = (self._keys[j + 1] - self._keys[j])[:, None]
        x = ((key - self._keys[j])[:, None]) / h
        p0, p1, v0, v1 = self._pos[j], self._pos[j + 1], self._vel[j] * h, self._vel[j + 1] * h
        rest = 1.0 - x
        pos = rest * rest * ((1.0 + 2.0 * x) * p0 + x * v0) + x * x * ((3.0 - 2.0 * x) * p1 - rest * v1)
        vel = 6.0 * x * rest * (p1 - p0) + rest * (1.0 - 3.0 * x) * v0 + x * (3.0 * x - 2.0) * v1
        return pos, vel / h


def draw_rounds(
    scenario: Scenario,
    classes: Sequence[RoundClass],
    frame: SiteFrame,
    rng: np.random.Generator,
    terrain: Terrain | None = None,
) -> tuple[Round, ...]:
    """Draw every raid of a scenario.

    Parameters
    ----------
    scenario : Scenario
        Checked by `check_scenario`.
    classes : sequence of RoundClass
        The round file.
    frame : SiteFrame
        ENU of the site.
    rng : Generator
        The raids' own stream; each raid has a child of it, so one raid's draws do not move another's.
    terrain : Terrain, optional
        The ground; level at the site's height when not given.

    Returns
    -------
    tuple of Round
        In the order in which they rise.

    Raises
    ------
    SettingsError
        A raid that no flight of its class can make.
    """
    wind = scenario.wind_profile()
    drawn: list[Round] = []
    for i, (raid, stream) in enumerate(zip(scenario.raid, rng.spawn(len(scenario.raid)), strict=True)):
        body = next(c for c in classes if c.name == raid.round_class)
        make = 1.0 + body.drag_sigma_make * float(stream.standard_normal())
        middle = _mean_impact(raid, frame) + raid.shared_sigma_m * stream.standard_normal(2)
        drawn += _draw_raid(_Kit(i, raid, body, frame, wind, make, middle, terrain), stream)
    drawn.sort(key=lambda r: r.start_s)
    return tuple(r._replace(truth_id=i, label=f"round-{i}") for i, r in enumerate(drawn, 1))


def _draw_raid(kit: _Kit, rng: np.random.Generator) -> list[Round]:
    raid = kit.raid
    rcs_dbsm = raid.rcs_dbsm + raid.rcs_sigma_db * float(rng.standard_normal())
    groups = [_draw_group(kit, rng) for _ in range(raid.groups)]
    starts = raid.start_s + _offsets(raid, rng)
    rounds: list[Round] = []
    for k, start_s in enumerate(starts.tolist()):
        mean = kit.middle + k * np.array([raid.walk_e_m, raid.walk_n_m])
        flight = _draw_flight(kit, mean, groups[k % raid.groups], rng)
        impact_s = start_s + float(flight.t_s[-1] - flight.t_s[0])
        impact = flight.pos_m[-1, :2].copy()
        name = kit.body.name
        rounds.append(Round(0, "", kit.i_raid, name, start_s, impact_s, impact, rcs_dbsm, raid.swerling, flight))
    return rounds


def _mean_impact(raid: Raid, frame: SiteFrame) -> Floats:
    if raid.impact_lat_deg is not None and raid.impact_lon_deg is not None:
        return frame.geodetic_to_enu(raid.impact_lat_deg, raid.impact_lon_deg, frame.height_m)[0, :2].copy()
    assert raid.impact_e_m is not None
    assert raid.impact_n_m is not None
    return np.array([raid.impact_e_m, raid.impact_n_m])


def _draw_group(kit: _Kit, rng: np.random.Generator) -> _Group:
    raid, why = kit.raid, ""
    for _ in range(_TRIES):
        spread = raid.bearing_spread_deg
        bearing = math.radians(raid.bearing_deg + float(rng.uniform(-spread, spread)))
        back = float(rng.uniform(*raid.ground_range_m)) * np.array([math.sin(bearing), math.cos(bearing)])
        flight_s = None if raid.flight_s is None else float(rng.uniform(*raid.flight_s))
        try:
            kit.fly(kit.middle, back, flight_s, 1.0)
        except DomainError as error:
            why = str(error)
            continue
        return _Group(kit.middle + back, flight_s)
    raise kit.impossible(why)


def _draw_flight(kit: _Kit, mean: Floats, group: _Group, rng: np.random.Generator) -> Trajectory:
    raid, why = kit.raid, ""
    for _ in range(_TRIES):
        impact = mean + raid.impact_sigma_m * rng.standard_normal(2)
        back = group.area_m + raid.group_sigma_m * rng.standard_normal(2) - impact
        drag = 1.0 + kit.body.drag_sigma_round * float(rng.standard_normal())
        try:
            return kit.fly(impact, back, group.flight_s, drag)
        except DomainError as error:  # beyond the reach of its class: such a round would fall elsewhere, draw again
            why = str(error)
    raise kit.impossible(why)


def _offsets(raid: Raid, rng: np.random.Generator) -> Floats:
    # Seconds from the first round, rising; the first is at 0.
    if raid.count == 1:
        return np.zeros(1)
    if raid.interval_s is not None:
        steps = rng.uniform(*raid.interval_s, raid.count - 1)
        return np.concatenate([np.zeros(1), np.cumsum(steps)])
    band: Band = raid.spread_s or (0.0, 0.0)
    length = float(rng.uniform(*band))
    inner = np.sort(rng.uniform(0.0, 1.0, raid.count - 2))
    return length * np.concatenate([np.zeros(1), inner, np.ones(1)])
