"""Who shoots at what, and what comes of it: a simulated fire control that knows the tracker's estimate only.

Selective: it takes only threats to an asset, worst rank first, one threat at a time per gun and one gun at a time
per threat (shoot, look, shoot). `step` never sees truth; `settle` never decides. Where a burst aims is private.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.model.messages import Threat
from casemate.model.records import Motion, Records, TrackStatus, freeze
from casemate.physics.ballistics import propagate
from casemate.physics.environment import Environment
from casemate.physics.geodesy import SiteFrame
from casemate.sim.intercept.burst import draw_kills, p_burst_kill, p_kill_at
from casemate.sim.intercept.gun import ENGAGEMENT, NO_GUN, Gun, GunKind, Outcome, PlannedBurst
from casemate.sim.intercept.mount import Mount

_LOOK_S = np.arange(0.0, 10.0, 0.2)
"""Times ahead at which an intercept is considered [s]: slew (at most 3 s), burst (2 s) and flight (4 s) fit in 10 s."""

_COMMIT_S = 1.0
"""A gun whose fire would open later than this after it could is not bound yet [s]: the estimate still improves."""

_CLEAR_M = 20.0
"""No intercept is planned lower than this over the ground [m]; an assumption of the simulation."""

Vector = NDArray[np.float64]


class _Plan(NamedTuple):
    """An intercept that a gun could make."""

    k: int  # index of the look time
    t_fire_s: float  # from now
    aim_m: Vector
    range_m: float
    pk: float


class FireControl:
    """Simulated guns under one fire control.

    Parameters
    ----------
    guns : sequence of Gun
        As declared in the scenario; `gun_id` is the index.
    frame : SiteFrame
        ENU frame of the site.
    environment : Environment
        Air and Earth as the prediction believes them.
    rng : numpy.random.Generator
        The only source of chance.
    is_every_round_drawn : bool
        Draw each round, or use the probability of the burst given its shared error. Same distribution.
    """

    def __init__(
        self,
        guns: Sequence[Gun],
        frame: SiteFrame,
        environment: Environment,
        rng: np.random.Generator,
        is_every_round_drawn: bool = False,  # noqa: FBT001, FBT002 - the last of a short, fixed list
    ) -> None:
        self._mounts = [Mount(gun, frame, environment) for gun in guns]
        self._environment, self._rng, self._is_drawn = environment, rng, is_every_round_drawn
        self._tracks: dict[int, np.void] = {}
        self._threats: dict[int, tuple[int, int]] = {}  # track_id -> (rank, t_impact_ns) of its worst threat
        self._aims: dict[int, Vector] = {}
        self._open: dict[int, PlannedBurst] = {}  # planned, not settled, by engagement
        self._held: dict[int, int] = {}  # track_id -> time until which nobody else shoots at it
        self._engaged: set[int] = set()
        self._killed: set[int] = set()  # kill assessment is taken to be right
        self._n_engagements = 0

    def step(self, t_ns: int, tracks: Records, threats: Sequence[Threat]) -> tuple[PlannedBurst, ...]:
        """Take what the pipeline just said and return the bursts that guns now commit to.

        Parameters
        ----------
        t_ns : int
            Time of the step.
        tracks : TRACK (n,)
            Tracks touched in this step; what they threatened before is forgotten.
        threats : sequence of Threat
            Threats named in this step.
        """
        self._remember(t_ns, tracks, threats)
        self._aim_again(t_ns)
        bursts: list[PlannedBurst] = []
        for track_id in sorted(self._threats, key=lambda i: (*self._threats[i], i)):
            idle = [i for i, mount in enumerate(self._mounts) if mount.free_ns <= t_ns and mount.n_ready(t_ns) > 0]
            if not idle:
                break
            is_held = self._held.get(track_id, t_ns) > t_ns
            if is_held or track_id in self._killed or track_id not in self._tracks:
                continue
            burst = self._engage(t_ns, track_id, idle)
            if burst is not None:
                bursts.append(burst)
        return tuple(bursts)

    def settle(self, burst: PlannedBurst, pos_m: Vector | None, vel_mps: Vector | None) -> Records:
        """Return what a burst did to what was truly there at the intercept instant.

        Parameters
        ----------
        burst : PlannedBurst
            As `step` returned it.
        pos_m, vel_mps : (3,) float64 [m, m/s], ENU, or None
            The true round at `burst.t_intercept_ns`; None when there is none (a false or dead track): a miss.

        Returns
        -------
        ENGAGEMENT (1,)
            `outcome` is KILL or MISS.

        Notes
        -----
        Where the round passes the middle of the pattern follows from the true position less the aimed one, taken
        across the path of the round relative to the shots; the shared aim error and the scatter add to it.
        """
        aim_m = self._aims.pop(burst.engagement_id)
        del self._open[burst.engagement_id]
        is_kill = False
        if pos_m is not None and vel_mps is not None:
            mount = self._mounts[burst.gun_id]
            miss_m, range_m = _miss(mount, aim_m, np.asarray(pos_m), np.asarray(vel_mps))
            is_kill = self._draw(mount.kind, miss_m, range_m, burst.n_rounds)
        if is_kill:
            self._killed.add(burst.track_id)
        return _row(burst, Outcome.KILL if is_kill else Outcome.MISS)

    def not_engaged(self, t_ns: int) -> Records:
        """Return, once each, the threats whose impact is past and at which nobody shot.

        Returns
        -------
        ENGAGEMENT (n,)
            With engagement_id 0, gun_id 65535 and the predicted impact as both times.
        """
        past = [i for i, (_, t_impact_ns) in sorted(self._threats.items()) if t_impact_ns < t_ns]
        rows = [
            _row(PlannedBurst(0, i, NO_GUN, self._threats[i][1], self._threats[i][1], 0, 0.0), Outcome.NOT_ENGAGED)
            for i in past
            if i not in self._engaged
        ]
        for i in past:
            del self._threats[i]
        return freeze(np.concatenate(rows)) if rows else freeze(np.zeros(0, ENGAGEMENT))

    def _remember(self, t_ns: int, tracks: Records, threats: Sequence[Threat]) -> None:
        is_gone = (tracks["status"] == TrackStatus.DROPPED) | (tracks["motion"] != Motion.BALLISTIC)
        for track_id in tracks["track_id"][is_gone]:
            self._tracks.pop(int(track_id), None)
        for row in tracks[~is_gone & (tracks["status"] != TrackStatus.TENTATIVE)]:
            track_id = int(row["track_id"])
            self._tracks[track_id] = row.copy()
            if track_id in self._threats and self._threats[track_id][1] >= t_ns:
                del self._threats[track_id]
        for threat in threats:
            now = (threat.rank, threat.t_impact_ns)
            self._threats[threat.track_id] = min(self._threats.get(threat.track_id, now), now)

    def _aim_again(self, t_ns: int) -> None:
        """Follow the latest estimate until the first round leaves."""
        for burst in self._open.values():
            row = self._tracks.get(burst.track_id)
            if burst.t_fire_ns > t_ns and row is not None:
                dt_s = (burst.t_intercept_ns - int(row["t_ns"])) / NS_PER_S
                self._aims[burst.engagement_id] = propagate(row["state"][None], np.array([dt_s]), self._environment)[
                    0, :3
                ]

    def _engage(self, t_ns: int, track_id: int, idle: list[int]) -> PlannedBurst | None:
        row = self._tracks[track_id]
        age_s = (t_ns - int(row["t_ns"])) / NS_PER_S
        left_s = (self._threats[track_id][1] - t_ns) / NS_PER_S
        near = [i for i in idle if _may_reach(self._mounts[i], row["state"])]
        if not near or left_s <= 0.0:
            return None
        path = propagate(np.repeat(row["state"][None], _LOOK_S.size, axis=0), age_s + _LOOK_S, self._environment)
        is_aloft = (left_s > _LOOK_S) & (self._height(path) > _CLEAR_M)
        plans = {i: _plan(self._mounts[i], t_ns, row, age_s, path, is_aloft) for i in near}
        made = {i: plan for i, plan in plans.items() if plan is not None}
        if not made:
            return None
        i = max(made, key=lambda i: (made[i].pk, -i))
        return self._commit(t_ns, track_id, i, made[i])

    def _height(self, path: Vector) -> Vector:
        env = self._environment
        return path[:, 2] + (path[:, 0] ** 2 + path[:, 1] ** 2) / (2.0 * env.earth_radius_m) - env.ground_m

    def _commit(self, t_ns: int, track_id: int, gun_id: int, plan: _Plan) -> PlannedBurst:
        mount = self._mounts[gun_id]
        self._n_engagements += 1
        n_rounds = min(mount.kind.n_burst, mount.n_ready(t_ns))
        t_intercept_ns = t_ns + round(float(_LOOK_S[plan.k]) * NS_PER_S)
        t_fire_ns = t_ns + round(plan.t_fire_s * NS_PER_S)
        burst = PlannedBurst(self._n_engagements, track_id, gun_id, t_fire_ns, t_intercept_ns, n_rounds, plan.pk)
        az, el, _ = mount.look(plan.aim_m[None])
        free_ns = t_intercept_ns + round(mount.kind.assess_s * NS_PER_S)
        mount.book(t_fire_ns, free_ns, n_rounds, float(az[0]), float(el[0]))
        self._held[track_id] = mount.free_ns
        self._aims[burst.engagement_id] = plan.aim_m
        self._open[burst.engagement_id] = burst
        self._engaged.add(track_id)
        return burst

    def _draw(self, kind: GunKind, miss_m: Vector, range_m: float, n_rounds: int) -> bool:
        radius_m, p_kill = kind.reach()
        scatter_m = kind.scatter_mrad * 1e-3 * range_m
        middle_m = miss_m + kind.shared_mrad() * 1e-3 * range_m * self._rng.standard_normal(2)
        if self._is_drawn:
            return bool(draw_kills(self._rng, radius_m, scatter_m, middle_m[None], n_rounds, p_kill)[0])
        p = p_kill_at(radius_m, scatter_m, float(np.hypot(*middle_m)), n_rounds, p_kill)
        return bool(self._rng.random() < p)


def _row(burst: PlannedBurst, outcome: Outcome) -> Records:
    return freeze(np.array([(*burst, outcome.value)], ENGAGEMENT))


def _may_reach(mount: Mount, state: Vector) -> bool:
    """Tell whether a round could come into a gun's range within the look-ahead (speeding up by 10 m/s2 at most)."""
    far_m = float(np.linalg.norm(state[:3] - mount.place_m))
    ahead_s = float(_LOOK_S[-1])
    return far_m <= mount.kind.range_m[1] + (float(np.linalg.norm(state[3:6])) + 10.0 * ahead_s) * ahead_s


def _plan(
    mount: Mount, t_ns: int, row: np.void, age_s: float, path: Vector, is_aloft: NDArray[np.bool_]
) -> _Plan | None:
    """Return the earliest intercept that a gun can make, or None if there is none or it need not be bound yet."""
    kind = mount.kind
    az, el, range_m = mount.look(path[:, :3])
    line = path[:, :3] - mount.place_m
    ready_s = mount.turn_s(az, el)
    n_rounds = min(kind.n_burst, mount.n_ready(t_ns))
    flight_s = mount.shots.lever(range_m).flight_s
    fire_s = _LOOK_S - flight_s - 0.5 * kind.burst_s(n_rounds)  # the middle of the burst meets the round
    is_in = mount.covers(el, range_m)
    can = np.flatnonzero(is_aloft & is_in & (fire_s >= ready_s))
    if can.size == 0 or fire_s[can[0]] - ready_s[can[0]] > _COMMIT_S:
        return None
    k = int(can[0])
    sigma_m = _sigma_across(row["cov"], age_s + float(_LOOK_S[k]), line[k] / range_m[k])
    radius_m, p_kill = kind.reach()
    scatter_m, aim_m = kind.scatter_mrad * 1e-3 * range_m[k], kind.shared_mrad() * 1e-3 * range_m[k]
    pk = p_burst_kill(radius_m, float(scatter_m), math.hypot(aim_m, sigma_m), n_rounds, p_kill)
    return _Plan(k, float(fire_s[k]), path[k, :3].copy(), float(range_m[k]), pk)


def _sigma_across(cov: Vector, dt_s: float, line: Vector) -> float:
    """Return the track's 1 sigma per axis [m] across a line, `dt_s` ahead at steady velocity; both axes averaged."""
    carry = np.hstack([np.eye(3), dt_s * np.eye(3)])
    ahead = carry @ cov[:6, :6] @ carry.T
    return math.sqrt(max(0.5 * (np.trace(ahead) - line @ ahead @ line), 0.0))


def _miss(mount: Mount, aim_m: Vector, pos_m: Vector, vel_mps: Vector) -> tuple[Vector, float]:
    """Return the round's true passing point seen from the pattern's middle (2,) [m], and the slant range [m].

    The shots move along the line of fire at the speed that they still have; the round's offset is taken
    in the plane normal to its velocity relative to them.
    """
    line = aim_m - mount.place_m
    range_m = float(np.linalg.norm(line))
    shot_mps = line / range_m * mount.shots.lever(np.array([range_m])).speed_mps[0]
    path = vel_mps - shot_mps
    path = path / np.linalg.norm(path)
    side = np.cross(path, [0.0, 0.0, 1.0] if abs(path[2]) < 0.9 else [1.0, 0.0, 0.0])
    side = side / np.linalg.norm(side)
    return np.array([side, np.cross(path, side)]) @ (pos_m - aim_m), range_m
