"""Who shoots at what, and what comes of it: a simulated fire control that knows the tracker's estimate only.

A rolling horizon: at each step it plans bursts over the next seconds that avert the most expected harm, and commits
those that cannot wait. Selective: it takes only threats to an asset. `step` never sees truth; `settle` never decides.
Where a burst aims is private.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.model.catalog import RoundClass
from casemate.model.messages import Threat
from casemate.model.records import Records, freeze
from casemate.physics.environment import Environment
from casemate.physics.geodesy import SiteFrame
from casemate.sim.intercept.fire import Command, Spent, at_nothing, command, draw_boresight, draw_shared, fire
from casemate.sim.intercept.gun import ENGAGEMENT, NO_GUN, Gun, Outcome, PlannedBurst
from casemate.sim.intercept.horizon import Bursts, choose, ready
from casemate.sim.intercept.known import Known, Looks
from casemate.sim.intercept.mount import Mount
from casemate.sim.intercept.options import OPTION, Aloft, MayFire, duty_of, may_reach, options_of, p_kill_exact
from casemate.sim.intercept.rules import Hold, Rules
from casemate.sim.intercept.shots import Path, Shots, path_ahead

HarmOf = Callable[[Sequence[Threat]], float]
"""Expected harm of what one track threatens."""

_COMMIT_S = 1.0
"""A gun whose fire would open later than this after it could is not bound yet [s]: the estimate still improves."""

_N_PLANNED = 3
"""Bursts at one round in a plan at most, those that are out among them [A]."""

Vector = NDArray[np.float64]


class Settled(NamedTuple):
    """What a burst came to."""

    row: Records  # ENGAGEMENT (1,)
    kill_ns: int  # when; of no meaning for a miss
    spent: Spent


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
    harm_of : callable, optional
        Expected harm of the threats of one track; the expected number of hits on assets when not given.
    n_at_once : int
        Bursts out for one round at most before somebody looks: 1 is shoot, look, shoot.
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
        harm_of: HarmOf | None = None,
        n_at_once: int = 2,
    ) -> None:
        self._mounts = [Mount(gun, frame, environment) for gun in guns]
        self._true_shots = [Shots(mount.kind, true_air or environment) for mount in self._mounts]
        self._environment, self._rng, self._is_flown = environment, rng, is_every_round_flown
        self._bodies, self._rules = bodies or {}, rules
        self._boresights = [draw_boresight(mount.kind, rng) for mount in self._mounts]
        self._known, self._looks = Known(), Looks(rng.spawn(1)[0])
        self._harm_of, self._n_at_once = harm_of or expected_harm, n_at_once
        self._options: dict[int, tuple[int, Records]] = {}  # by track: when worked out, and what guns could fire
        self._aimed_at: dict[int, np.void] = {}  # by engagement: the estimate that it goes by
        self._open: dict[int, PlannedBurst] = {}  # planned, not settled, by engagement
        self._engaged: set[int] = set()
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
        self._known.take(t_ns, tracks, threats)
        self._looks.take(t_ns, self._known.tracks)
        for track_id in tracks["track_id"].tolist():
            self._options.pop(track_id, None)
        self._aim_again(t_ns)
        if not any(mount.free_ns <= t_ns and mount.n_ready(t_ns) > 0 for mount in self._mounts):
            return ()
        return self._plan(t_ns, [i for i in self._known.by_rank() if self._is_open(t_ns, i)])

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
        shots = self._true_shots[burst.gun_id]
        if truth is None:
            end = at_nothing(told)
        else:
            end = fire(shots, told, truth, body, shared, self._rng, is_every_round_flown=self._is_flown)
        spent = Spent(shots, told, shared, end)
        self._looks.see(burst, kind, end.fate)
        if end.fate is None:
            return Settled(_row(burst, Outcome.MISS), 0, spent)
        return Settled(_row(burst, Outcome.KILL, end.fate), burst.t_fire_ns + round(end.kill_s * NS_PER_S), spent)

    def not_engaged(self, t_ns: int) -> Records:
        """Return, once each, the threats whose impact is past and at which nobody shot.

        Returns
        -------
        ENGAGEMENT (n,)
            With engagement_id 0, gun_id 65535 and the predicted impact as both times.
        """
        alone = [each for each in self._known.forget_past(t_ns) if each.track_id not in self._engaged]
        rows = [_row(_nobody(each), Outcome.NOT_ENGAGED, self._why.get(each.track_id, "")) for each in alone]
        return freeze(np.concatenate(rows)) if rows else freeze(np.zeros(0, ENGAGEMENT))

    def _is_open(self, t_ns: int, track_id: int) -> bool:
        """Tell whether another burst at a round may be worth while."""
        if self._known.worst(track_id).t_impact_ns <= t_ns or self._looks.n_out(track_id) >= self._n_at_once:
            return False
        status = int(self._known.tracks[track_id]["status"])
        return not self._looks.is_done(track_id, status) and self._may(t_ns, track_id)

    def _may(self, t_ns: int, track_id: int) -> bool:
        if self._rules is None:
            return True
        from_ns, never = self._rules.consent(track_id, t_ns, self._known.worst(track_id).rank)
        if never is not None or from_ns > t_ns:
            self._why[track_id] = Hold.NO_CONSENT if never is None else never
            return False
        return True

    def _asker(self, t_ns: int) -> MayFire | None:
        """Return what tells which bursts no rule bars, and keeps in mind why it bars the first at a round."""
        rules = self._rules
        if rules is None:
            return None

        def ask(
            gun_id: int, track_id: int, fire_s: Vector, lasts_s: float, az_rad: Vector, el_rad: Vector
        ) -> NDArray[np.bool_]:
            t_fire_ns = t_ns + np.rint(fire_s * NS_PER_S).astype(np.int64)
            why = rules.bars(gun_id, t_fire_ns, np.full(fire_s.size, lasts_s), az_rad, el_rad)
            if why[0]:
                self._why[track_id] = str(why[0])
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
        self._looks.forget(burst)
        self._why[burst.track_id] = why
        return _row(burst._replace(n_rounds=0), Outcome.HELD, why)

    def _aim_again(self, t_ns: int) -> None:
        """Follow the latest estimate until the first round leaves, less the fire control's lag."""
        for burst in self._open.values():
            row, lag_s = self._known.tracks.get(burst.track_id), self._mounts[burst.gun_id].kind.lag_s
            if row is not None and burst.t_fire_ns - lag_s * NS_PER_S > t_ns:
                self._aimed_at[burst.engagement_id] = row

    def _plan(self, t_ns: int, ids: list[int]) -> tuple[PlannedBurst, ...]:
        """Choose bursts over the horizon, and commit those that cannot wait."""
        self._renew(t_ns, ids)
        each = [self._options[i][1] for i in ids]
        if not sum(map(len, each)):
            return ()
        rows, threat = np.concatenate(each), np.repeat(np.arange(len(ids)), [len(some) for some in each])
        order = np.argsort(rows["gun_id"], kind="stable")
        rows, threat = rows[order], threat[order]
        bursts, guns = self._as_bursts(t_ns, rows, threat), [duty_of(mount, t_ns) for mount in self._mounts]
        harm = np.array([self._harm_of(self._known.threats[i]) * self._looks.p_left(i) for i in ids])
        room = np.array([_N_PLANNED - self._looks.n_out(i) for i in ids], np.int64)
        ready_s = ready(bursts, guns)
        made: list[PlannedBurst] = []
        chosen = choose(bursts, harm, room, guns, is_looking=self._n_at_once == 1)
        for k in sorted(chosen, key=lambda k: (bursts.fire_s[k], k)):
            mount = self._mounts[int(rows["gun_id"][k])]
            is_idle = mount.free_ns <= t_ns and mount.n_ready(t_ns) > 0
            is_open = self._looks.n_out(int(rows["track_id"][k])) < self._n_at_once
            if is_idle and is_open and bursts.fire_s[k] - ready_s[k] <= _COMMIT_S:
                made.append(self._commit(t_ns, rows[k]))
        return tuple(made)

    def _renew(self, t_ns: int, ids: list[int]) -> None:
        """Work out what guns could fire at rounds whose tracks were renewed, or that were not looked at lately."""
        old = [i for i in ids if i not in self._options or t_ns - self._options[i][0] > _COMMIT_S * NS_PER_S]
        fresh: dict[int, Aloft] = {}
        for i in old:
            worst, self._options[i] = self._known.worst(i), (t_ns, np.zeros(0, OPTION))
            left_s = (worst.t_impact_ns - t_ns) / NS_PER_S
            row = self._known.tracks[i]
            if any(may_reach(mount, row["state"]) for mount in self._mounts):
                fresh[i] = Aloft(row, left_s, self._bodies.get(worst.round_class))
        found = options_of(self._mounts, t_ns, fresh, self._environment, self._asker(t_ns))
        for i in fresh:
            self._options[i] = (t_ns, found[found["track_id"] == i])

    def _as_bursts(self, t_ns: int, rows: Records, threat: NDArray[np.int64]) -> Bursts:
        assess_s = np.array([mount.kind.assess_s for mount in self._mounts])[rows["gun_id"]]
        fire_s, meet_s = ((rows[name] - t_ns) / NS_PER_S for name in ("t_fire_ns", "t_meet_ns"))
        az, el, p = (np.ascontiguousarray(rows[name]) for name in ("az_rad", "el_rad", "p_kill"))
        return Bursts(np.ascontiguousarray(rows["gun_id"]), threat, fire_s, meet_s + assess_s, az, el, p)

    def _commit(self, t_ns: int, option: np.void) -> PlannedBurst:
        gun_id, track_id = int(option["gun_id"]), int(option["track_id"])
        mount, row = self._mounts[gun_id], self._known.tracks[track_id]
        self._n_engagements += 1
        n_rounds = min(int(option["n_rounds"]), mount.n_ready(t_ns))
        t_fire_ns, t_meet_ns = int(option["t_fire_ns"]), int(option["t_meet_ns"])
        body = self._bodies.get(self._known.worst(track_id).round_class)
        pk = p_kill_exact(mount, row, (t_meet_ns - int(row["t_ns"])) / NS_PER_S, n_rounds, body, self._environment)
        burst = PlannedBurst(self._n_engagements, track_id, gun_id, t_fire_ns, t_meet_ns, n_rounds, pk)
        free_ns = t_meet_ns + round(mount.kind.assess_s * NS_PER_S)
        mount.book(t_fire_ns, free_ns, n_rounds, float(option["az_rad"]), float(option["el_rad"]))
        self._looks.await_(burst, free_ns)
        self._aimed_at[burst.engagement_id] = row
        self._open[burst.engagement_id] = burst
        return burst


def expected_harm(threats: Sequence[Threat]) -> float:
    """Return the expected number of hits on assets of what one track threatens."""
    return sum(threat.p_hit for threat in threats)


def _row(burst: PlannedBurst, outcome: Outcome, fate: str = "") -> Records:
    return freeze(np.array([(*burst, outcome.value, fate)], ENGAGEMENT))


def _nobody(threat: Threat) -> PlannedBurst:
    return PlannedBurst(0, threat.track_id, NO_GUN, threat.t_impact_ns, threat.t_impact_ns, 0, 0.0)
