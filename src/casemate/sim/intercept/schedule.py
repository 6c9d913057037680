"""Who shoots at what, and what comes of it: a simulated fire control that knows the tracker's estimate only.

Selective: it takes only threats to an asset, worst rank first, one threat at a time per gun and one gun at a time
per threat (shoot, look, shoot). `step` never sees truth; `settle` never decides. Where a burst aims is private.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.model.catalog import RoundClass
from casemate.model.messages import Threat
from casemate.model.records import Motion, Records, TrackStatus, freeze
from casemate.physics.ballistics import propagate
from casemate.physics.environment import Environment
from casemate.physics.geodesy import SiteFrame
from casemate.sim.intercept.aim import carry, meet
from casemate.sim.intercept.fire import Command, Spent, command, draw_boresight, draw_shared, fire
from casemate.sim.intercept.gun import ENGAGEMENT, NO_GUN, Fate, Gun, Outcome, PlannedBurst
from casemate.sim.intercept.mount import Mount
from casemate.sim.intercept.rules import Hold, Rules
from casemate.sim.intercept.shots import Path, Shots, path_ahead

_LOOK_S = np.arange(0.0, 10.0, 0.2)
"""Times ahead at which an intercept is considered [s]: slew (at most 3 s), burst (2 s) and flight (4 s) fit in 10 s."""

_COMMIT_S = 1.0
"""A gun whose fire would open later than this after it could is not bound yet [s]: the estimate still improves."""

_CLEAR_M = 20.0
"""No intercept is planned lower than this over the ground [m]; an assumption of the simulation."""

Vector = NDArray[np.float64]


_MayFire = Callable[[Vector, float, Vector, Vector], NDArray[np.bool_]]


class _Plan(NamedTuple):
    """An intercept that a gun could make."""

    k: int  # index of the look time
    t_fire_s: float  # from now
    az_rad: float
    el_rad: float
    pk: float


class Settled(NamedTuple):
    """What a burst came to."""

    row: Records  # ENGAGEMENT (1,)
    kill_ns: int  # when; of no meaning for a miss
    spent: Spent | None  # None: there was nothing to shoot at


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
    is_every_round_flown : bool
        Fly each round, or integrate the scatter about the burst's middle. Same distribution.
    true_air : Environment, optional
        Air in which shots truly fly; the believed one when not given.
    bodies : mapping of str to RoundClass
        What the classes that threats are said to be look like.
    rules : Rules, optional
        What holds fire; nothing when not given.
    """

    def __init__(
        self,
        guns: Sequence[Gun],
        frame: SiteFrame,
        environment: Environment,
        rng: np.random.Generator,
        *,
        is_every_round_flown: bool = False,
        true_air: Environment | None = None,
        bodies: Mapping[str, RoundClass] | None = None,
        rules: Rules | None = None,
    ) -> None:
        self._mounts = [Mount(gun, frame, environment) for gun in guns]
        self._true_shots = [Shots(mount.kind, true_air or environment) for mount in self._mounts]
        self._environment, self._rng, self._is_flown = environment, rng, is_every_round_flown
        self._bodies, self._rules = bodies or {}, rules
        self._boresights = [draw_boresight(mount.kind, rng) for mount in self._mounts]
        self._tracks: dict[int, np.void] = {}
        self._threats: dict[int, Threat] = {}  # track_id -> its worst threat
        self._aimed_at: dict[int, np.void] = {}  # by engagement: the estimate that it goes by
        self._open: dict[int, PlannedBurst] = {}  # planned, not settled, by engagement
        self._held: dict[int, int] = {}  # track_id -> time until which nobody else shoots at it
        self._engaged: set[int] = set()
        self._killed: set[int] = set()  # gone from the sky; that is seen rightly, a fuze that is dead is not seen
        self._cleared: set[int] = set()  # open engagements whose last look was passed
        self._why: dict[int, str] = {}  # track_id -> what last held fire at it
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
        for track_id in sorted(self._threats, key=self._urgency):
            idle = [i for i, mount in enumerate(self._mounts) if mount.free_ns <= t_ns and mount.n_ready(t_ns) > 0]
            if not idle:
                break
            is_held = self._held.get(track_id, t_ns) > t_ns
            if is_held or track_id in self._killed or track_id not in self._tracks or not self._may(t_ns, track_id):
                continue
            burst = self._engage(t_ns, track_id, idle)
            if burst is not None:
                bursts.append(burst)
        return tuple(bursts)

    def call_off(self, t_ns: int) -> Records:
        """Ask the rules again about each burst not yet fired; those due by now for the last time, as commanded.

        Parameters
        ----------
        t_ns : int
            Now. Of a burst whose trigger was since the last call, it is asked what was known then.

        Returns
        -------
        ENGAGEMENT (n,)
            The bursts that are called off: they are not to be settled, their rounds and guns are given back.
        """
        rows: list[Records] = []
        for burst in list(self._open.values()) if self._rules is not None else ():
            if burst.engagement_id in self._cleared:
                continue
            why = self._barred(burst)
            if why:
                rows.append(self._take_back(t_ns, burst, why))
            elif burst.t_fire_ns <= t_ns:
                self._cleared.add(burst.engagement_id)
        return freeze(np.concatenate(rows)) if rows else freeze(np.zeros(0, ENGAGEMENT))

    def settle(self, burst: PlannedBurst, truth: Path | None, body: RoundClass | None) -> Settled:
        """Return what a burst did to what was truly there.

        Parameters
        ----------
        burst : PlannedBurst
            As `step` returned it.
        truth : Path or None
            Where the round truly is, its clock starting at `burst.t_fire_ns`; None when there is none (a false or dead
            track): a miss.
        body : RoundClass or None
            What it truly is.
        """
        row, mount = self._aimed_at.pop(burst.engagement_id), self._mounts[burst.gun_id]
        del self._open[burst.engagement_id]
        kind = mount.kind
        self._cleared.discard(burst.engagement_id)
        self._engaged.add(burst.track_id)
        shared = draw_shared(kind, self._boresights[burst.gun_id], 0.0, self._rng)
        told = self._told(burst, row)
        if truth is None:
            return Settled(_row(burst, Outcome.MISS), 0, None)
        shots = self._true_shots[burst.gun_id]
        end = fire(shots, told, truth, body, shared, self._rng, is_every_round_flown=self._is_flown)
        spent = Spent(shots, told, shared, end)
        if end.fate is None:
            return Settled(_row(burst, Outcome.MISS), 0, spent)
        if end.fate is not Fate.FUZE_DEAD:
            self._killed.add(burst.track_id)
        return Settled(_row(burst, Outcome.KILL, end.fate), burst.t_fire_ns + round(end.kill_s * NS_PER_S), spent)

    def not_engaged(self, t_ns: int) -> Records:
        """Return, once each, the threats whose impact is past and at which nobody shot.

        Returns
        -------
        ENGAGEMENT (n,)
            With engagement_id 0, gun_id 65535 and the predicted impact as both times.
        """
        past = [i for i, threat in sorted(self._threats.items()) if threat.t_impact_ns < t_ns]
        alone = [i for i in past if i not in self._engaged]
        rows = [_row(_nobody(self._threats[i]), Outcome.NOT_ENGAGED, self._why.get(i, "")) for i in alone]
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
            if track_id in self._threats and self._threats[track_id].t_impact_ns >= t_ns:
                del self._threats[track_id]
        for threat in threats:
            known = self._threats.get(threat.track_id, threat)
            self._threats[threat.track_id] = min(known, threat, key=lambda each: (each.rank, each.t_impact_ns))

    def _urgency(self, track_id: int) -> tuple[int, int, int]:
        threat = self._threats[track_id]
        return threat.rank, threat.t_impact_ns, track_id

    def _may(self, t_ns: int, track_id: int) -> bool:
        if self._rules is None:
            return True
        from_ns, never = self._rules.consent(track_id, t_ns, self._threats[track_id].rank)
        if never is not None or from_ns > t_ns:
            self._why[track_id] = Hold.NO_CONSENT if never is None else never
            return False
        return True

    def _asker(self, gun_id: int, t_ns: int, row: np.void) -> _MayFire | None:
        """Return what tells which intercepts of a gun no rule bars, and keeps in mind why it bars the first."""
        rules = self._rules
        if rules is None:
            return None

        def ask(fire_s: Vector, lasts_s: float, az_rad: Vector, el_rad: Vector) -> NDArray[np.bool_]:
            t_fire_ns = t_ns + np.rint(fire_s * NS_PER_S).astype(np.int64)
            why = rules.bars(gun_id, t_fire_ns, np.full(fire_s.size, lasts_s), az_rad, el_rad)
            if why[0]:
                self._why[int(row["track_id"])] = str(why[0])
            return why == ""

        return ask

    def _told(self, burst: PlannedBurst, row: np.void) -> Command:
        mount = self._mounts[burst.gun_id]
        age_s = (burst.t_fire_ns - int(row["t_ns"])) / NS_PER_S
        until_s = (burst.t_intercept_ns - burst.t_fire_ns) / NS_PER_S + mount.kind.burst_s(burst.n_rounds)
        seen = path_ahead(row["state"], age_s, until_s, self._environment)
        return command(mount.shots, mount.place_m, seen, burst.n_rounds)

    def _barred(self, burst: PlannedBurst) -> str:
        if self._rules is None:
            return ""
        told = self._told(burst, self._aimed_at[burst.engagement_id])
        return self._rules.bars_rounds(burst.gun_id, burst.t_fire_ns, told.left_s, told.muzzle_mps)

    def _take_back(self, t_ns: int, burst: PlannedBurst, why: str) -> Records:
        self._mounts[burst.gun_id].give_back(t_ns, burst.n_rounds)
        del self._open[burst.engagement_id], self._aimed_at[burst.engagement_id]
        self._held.pop(burst.track_id, None)
        self._why[burst.track_id] = why
        return _row(burst._replace(n_rounds=0), Outcome.HELD, why)

    def _aim_again(self, t_ns: int) -> None:
        """Follow the latest estimate until the first round leaves, less the fire control's lag."""
        for burst in self._open.values():
            row, lag_s = self._tracks.get(burst.track_id), self._mounts[burst.gun_id].kind.lag_s
            if row is not None and burst.t_fire_ns - lag_s * NS_PER_S > t_ns:
                self._aimed_at[burst.engagement_id] = row

    def _engage(self, t_ns: int, track_id: int, idle: list[int]) -> PlannedBurst | None:
        row = self._tracks[track_id]
        age_s = (t_ns - int(row["t_ns"])) / NS_PER_S
        threat = self._threats[track_id]
        left_s, body = (threat.t_impact_ns - t_ns) / NS_PER_S, self._bodies.get(threat.round_class)
        near = [i for i in idle if _may_reach(self._mounts[i], row["state"])]
        if not near or left_s <= 0.0:
            return None
        path = propagate(np.repeat(row["state"][None], _LOOK_S.size, axis=0), age_s + _LOOK_S, self._environment)
        is_aloft = (left_s > _LOOK_S) & (self._height(path) > _CLEAR_M)
        plans = {
            i: _plan(self._mounts[i], t_ns, row, age_s, path, is_aloft, body, self._asker(i, t_ns, row)) for i in near
        }
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
        free_ns = t_intercept_ns + round(mount.kind.assess_s * NS_PER_S)
        mount.book(t_fire_ns, free_ns, n_rounds, plan.az_rad, plan.el_rad)
        self._held[track_id] = mount.free_ns
        self._aimed_at[burst.engagement_id] = self._tracks[track_id]
        self._open[burst.engagement_id] = burst
        return burst


def _row(burst: PlannedBurst, outcome: Outcome, fate: str = "") -> Records:
    return freeze(np.array([(*burst, outcome.value, fate)], ENGAGEMENT))


def _nobody(threat: Threat) -> PlannedBurst:
    return PlannedBurst(0, threat.track_id, NO_GUN, threat.t_impact_ns, threat.t_impact_ns, 0, 0.0)


def _may_reach(mount: Mount, state: Vector) -> bool:
    """Tell whether a round could come into a gun's range within the look-ahead (speeding up by 10 m/s2 at most)."""
    far_m = float(np.linalg.norm(state[:3] - mount.place_m))
    ahead_s = float(_LOOK_S[-1])
    return far_m <= mount.kind.range_m[1] + (float(np.linalg.norm(state[3:6])) + 10.0 * ahead_s) * ahead_s


def _plan(
    mount: Mount, t_ns: int, row: np.void, age_s: float, path: Vector, is_aloft: NDArray[np.bool_],
    body: RoundClass | None, may_fire: _MayFire | None,
) -> _Plan | None:  # fmt: skip
    """Return the earliest intercept that a gun can make, or None if there is none or it need not be bound yet."""
    kind = mount.kind
    az, el, range_m = mount.look(path[:, :3])
    ready_s = mount.turn_s(az, el)
    n_rounds = min(kind.n_burst, mount.n_ready(t_ns))
    flight_s = mount.shots.lever(range_m).flight_s
    fire_s = _LOOK_S - flight_s - float(np.mean(kind.rounds_s(n_rounds)))  # the burst's middle meets the round
    can = np.flatnonzero(is_aloft & mount.covers(el, range_m) & (fire_s >= ready_s))
    if may_fire is not None and can.size:
        can = can[may_fire(fire_s[can], kind.burst_s(n_rounds), az[can], el[can])]
    if can.size == 0 or fire_s[can[0]] - ready_s[can[0]] > _COMMIT_S:
        return None
    k = int(can[0])
    there = path[k : k + 1]
    cov = carry(row["cov"], np.array([age_s + _LOOK_S[k]]), row["state"][3:6], there[:, 3:6])
    pk = meet(mount.shots, mount.place_m, there[:, :3], there[:, 3:6], cov, n_rounds, body).p_exact(0)
    return _Plan(k, float(fire_s[k]), float(az[k]), float(el[k]), pk)
