"""The simulated world: a source of scans and, beside them, of labels, truth and engagements; and a sink of events.

As a source it deals out what radars see, sector by sector in event time. As a sink it takes what the pipeline made
of it, lets simulated guns act on that estimate alone, and removes the round that was hit from the next scan.
The same seed flies the same raid through the same noise, whether anybody shoots or not.
"""

import heapq
import itertools
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.model.catalog import EnvironmentSettings, RoundClass, SiteFile
from casemate.model.messages import Aside, Events, Input, Scan, Threat
from casemate.model.records import LABEL, Records, TrackStatus, freeze
from casemate.physics.ballistics import propagate
from casemate.physics.drag import drag_curve_of
from casemate.physics.environment import Environment, build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.terrain import Terrain
from casemate.sim.clutter.look import TRUTH, Told
from casemate.sim.clutter.sky import Clutter
from casemate.sim.friends import Friends
from casemate.sim.intercept.fire import Spent
from casemate.sim.intercept.gun import ENGAGEMENT, Fate, PlannedBurst
from casemate.sim.intercept.rules import Rules
from casemate.sim.intercept.schedule import FireControl
from casemate.sim.intercept.shots import Path
from casemate.sim.raid import Round, Volley, draw_rounds
from casemate.sim.scenario import Scenario, check_scenario
from casemate.sim.sensor import Bodies, Radar, RadarTruth, Sector, Turn, deal, joined

Floats = NDArray[np.float64]

TRUTH_PERIOD_NS: Final = NS_PER_S // 2
"""Time between two looks at the truth [ns]: a round moves 200 m in it, drawn or interpolated well enough."""

GATE_M: Final = 200.0
"""A burst meets the body nearest to its track's estimate at the intercept, if within this [m], else nothing: about
the spacing of rounds half a second apart, and ten times a good track's error."""

SEEABLE: Final = 0.5
"""A look counts as a first possible detection when it would succeed at least this often."""

_SETTLE_S: Final = 2.5
"""After the middle of a burst has met its round [s] the last of it has, too: half of the longest burst, and more."""

_PATH_STEP_S: Final = 0.1

_AFTER_NS = 10 * NS_PER_S  # a raid that outlasts the scenario is watched for this long after its last impact


class _Moment(NamedTuple):
    t_recv_ns: int  # time to look at the truth


class World:
    """A scenario, alive.

    Parameters
    ----------
    scenario : Scenario
        What happens.
    site : SiteFile
        Radars, as their owner believes them.
    rounds : sequence of RoundClass
        The round file.
    frame : SiteFrame
        ENU of the site.
    seed : int
        All chance comes from it, split by purpose: raids, traffic, radars, guns, other clutter.
    with_intercept : bool
        Whether the scenario's guns act.
    is_every_round_flown : bool
        Fly every round of a burst; otherwise its scatter is integrated, ten times faster.
    environment : Environment, optional
        What the fire control believes of air and Earth; built from the site when not given.
    terrain : Terrain, optional
        The ground that rounds come down on; level at the site's height when not given.
    """

    def __init__(
        self,
        scenario: Scenario,
        site: SiteFile,
        rounds: Sequence[RoundClass],
        frame: SiteFrame,
        seed: int,
        *,
        with_intercept: bool = True,
        is_every_round_flown: bool = False,
        environment: Environment | None = None,
        terrain: Terrain | None = None,
    ) -> None:
        check_scenario(scenario, "scenario", tuple(rounds), site.sensor)
        streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(6)]
        raids, traffic, radars, guns, clutter, friends = streams
        self.scenario, self.with_intercept, self.seed, self.terrain = scenario, with_intercept, seed, terrain
        self.t_start_ns = scenario.t_start_ns()
        self._volley = Volley(draw_rounds(scenario, rounds, frame, raids, terrain))
        last_s = max((r.impact_s for r in self._volley.rounds), default=0.0)
        lasts_ns = max(_ns(scenario.duration_s), _ns(last_s) + _AFTER_NS if self._volley.rounds else 0)
        self.t_end_ns = self.t_start_ns + lasts_ns
        self.friends = Friends(scenario.friend, frame, self.t_start_ns, friends)
        self._clutter = Clutter(scenario, len(self._volley.rounds) + 1, traffic, clutter, self.friends.sources())
        truths = {truth.name: truth for truth in scenario.radar}
        self._radars = [
            Radar(i, radar, truths.get(radar.name, RadarTruth(name=radar.name)), frame, rng, terrain)
            for i, (radar, rng) in enumerate(zip(site.sensor, radars.spawn(len(site.sensor)), strict=True))
        ]
        # a turn's plots are on their way up to a turn and a delay after it was worked out
        self._kept_s = max(radar.period_s + radar.truth.delay_s for radar in self._radars)
        if environment is None:
            drag = drag_curve_of(site.tracking.drag_curve, rounds)
            environment = build_environment(site.environment, frame, drag, None, None)
        self._environment = environment
        self.classes = {body.name: body for body in rounds}
        self._fire_control: FireControl | None = None
        self.rules: Rules | None = None
        if with_intercept and scenario.gun:
            drag = drag_curve_of(site.tracking.drag_curve, rounds)
            air = build_environment(EnvironmentSettings(), frame, drag, None, scenario.wind_profile())
            if scenario.restraint().is_any():
                self.rules = Rules(scenario, frame, environment, seed)
            self._fire_control = FireControl(
                scenario.gun, frame, environment, guns, is_every_round_flown=is_every_round_flown, true_air=air,
                bodies=self.classes, rules=self.rules,
            )  # fmt: skip
        self.spent: list[tuple[int, int, Spent]] = []  # what was fired: time of the trigger, body that it met, burst
        self.duds: set[int] = set()  # rounds whose fuze a hit has killed: they fly on and do not go off
        self.first_seeable_s: dict[int, float] = {}
        self.dead_s: dict[int, float] = {}
        self.n_traffic_hit = 0
        self._labels = self._names()
        self._tracks: dict[int, np.void] = {}
        self._pending: list[tuple[int, int, PlannedBurst]] = []
        self._engagements: list[Records] = []
        self._next_plot_id, self._now_ns, self._told_s = 1, self.t_start_ns, -1.0

    @property
    def rounds(self) -> tuple[Round, ...]:
        """All rounds that fly, in the order in which they rise."""
        return self._volley.rounds

    def __iter__(self) -> Iterator[Input]:
        """Yield scans and asides as they arrive; between two of them the world takes what came of the first."""
        streams = [self._sectors(radar) for radar in self._radars]
        for item in heapq.merge(self._moments(), *streams, key=lambda item: item.t_recv_ns):
            self._now_ns = item.t_recv_ns
            self._hold(item.t_recv_ns)
            self._settle(item.t_recv_ns)
            yield from self._flush(item.t_recv_ns)
            if isinstance(item, Sector):
                yield from self._scan(item)
            else:
                yield self._truth(item.t_recv_ns)
        if self._fire_control is not None:
            self._engagements.append(self._fire_control.not_engaged(self.t_end_ns))
            yield from self._flush(self.t_end_ns)

    def take(self, message: Input, events: Events | None) -> None:
        """Let the simulated guns act on what a step made known."""
        if self._fire_control is None or events is None:
            return
        t_ns = message.t_recv_ns if isinstance(message, Scan) else events.t_ns
        self._remember(events.tracks)
        self._shoot(self._fire_control, t_ns, events.tracks, events.threats)

    def close(self) -> None:
        """Do nothing: a world holds nothing open."""

    def _moments(self) -> Iterator[_Moment]:
        t_ns = self.t_start_ns
        while t_ns <= self.t_end_ns:
            yield _Moment(t_ns)
            t_ns += TRUTH_PERIOD_NS

    def _sectors(self, radar: Radar) -> Iterator[Sector]:
        def look(i_turn: int, origin_ns: int) -> Turn:
            turn = radar.turn(i_turn, self._bodies(origin_ns / NS_PER_S, radar.period_s))
            self._note_looks(turn)
            return turn

        sectors = deal(radar, self.t_start_ns, look)
        return itertools.takewhile(lambda sector: sector.t_end_ns <= self.t_end_ns, sectors)

    def _bodies(self, t0_s: float, period_s: float) -> Bodies:
        # Everything that a beam may meet in the turn, rounds before clutter; the dead too, so that the radars' chance
        # runs alike with and without intercept.
        self._prepare(t0_s + period_s)
        volley = self._volley
        up = np.flatnonzero((volley.start_s < t0_s + period_s) & (volley.end_s > t0_s))
        return joined([volley.bodies(up), *self._clutter.bodies(t0_s)])

    def _prepare(self, until_s: float) -> None:
        kept_s = (self._now_ns - self.t_start_ns) / NS_PER_S - self._kept_s
        if self._clutter.prepare(kept_s, until_s):
            n = len(self._volley.rounds)
            self._labels = self._names()
            self.dead_s = {i: t for i, t in self.dead_s.items() if i <= n or i in self._labels}

    def _names(self) -> dict[int, str]:
        rounds = zip(self._volley.truth_id.tolist(), self._volley.label.tolist(), strict=True)
        return dict(rounds) | self._clutter.names

    def _note_looks(self, turn: Turn) -> None:
        looks, n = turn.looks, len(self._volley.rounds)
        is_first = (looks.p_detection >= SEEABLE) & (looks.truth_id <= n)
        for truth_id, t_s in zip(looks.truth_id[is_first].tolist(), looks.t_s[is_first].tolist(), strict=True):
            self.first_seeable_s[truth_id] = min(self.first_seeable_s.get(truth_id, np.inf), t_s)

    def _scan(self, sector: Sector) -> Iterator[Input]:
        plots, names = sector.plots, sector.truth_id
        if self.dead_s:
            is_up = sector.t_s < np.array([self.dead_s.get(i, np.inf) for i in names.tolist()])
            plots, names = plots[is_up], names[is_up]
        plots = plots.copy()
        plots["plot_id"] = self._next_plot_id + np.arange(len(plots))
        self._next_plot_id += len(plots)
        known = names > 0
        if known.any():
            labels = np.zeros(int(known.sum()), LABEL)
            labels["plot_id"] = plots["plot_id"][known]
            labels["label"] = [self._labels[i] for i in names[known].tolist()]
            yield Aside(t_ns=sector.t_end_ns, kind="label", rows=freeze(labels))
        yield Scan(
            sensor_id=sector.sensor_id,
            t_start_ns=sector.span_ns[0],
            t_end_ns=sector.span_ns[1],
            t_recv_ns=sector.t_recv_ns,
            az_from_rad=sector.arc_rad[0],
            az_to_rad=sector.arc_rad[1],
            plots=freeze(plots),
        )

    def _truth(self, t_ns: int) -> Aside:
        t_s = (t_ns - self.t_start_ns) / NS_PER_S
        ended = self._ended(t_s)
        now = self._things(t_s)
        rows = np.zeros(len(ended) + len(now.truth_id), TRUTH)
        rows[: len(ended)] = ended
        up = rows[len(ended) :]
        up["truth_id"], up["t_ns"], up["is_alive"] = now.truth_id, t_ns, True
        up["pos_m"], up["vel_mps"] = now.pos_m, now.vel_mps
        up["label"] = [self._labels[i] for i in now.truth_id.tolist()]
        return Aside(t_ns=t_ns, kind="truth", rows=freeze(rows))

    def _things(self, t_s: float) -> Told:
        # All things that exist now and were not destroyed, rounds first.
        self._prepare(t_s)
        volley = self._volley
        up = np.flatnonzero((volley.start_s <= t_s) & (t_s < volley.end_s))
        rounds = Told(volley.truth_id[up], *volley.at(up, np.full(len(up), t_s)), np.ones(len(up), np.bool_))
        told = Told.joined([rounds, self._clutter.told(t_s)])
        return told.keep(np.array([self.dead_s.get(i, np.inf) > t_s for i in told.truth_id.tolist()], np.bool_))

    def _ended(self, t_s: float) -> Records:
        # One last row for every round that came down or was destroyed since the last look.
        volley = self._volley
        gone_s = np.array([self.dead_s.get(i, np.inf) for i in volley.truth_id.tolist()])
        gone_s = np.minimum(volley.end_s, gone_s)
        rows_of = np.flatnonzero((gone_s > self._told_s) & (gone_s <= t_s))
        self._told_s = t_s
        rows = np.zeros(len(rows_of), TRUTH)
        if len(rows_of):
            rows["truth_id"], rows["label"] = volley.truth_id[rows_of], volley.label[rows_of]
            rows["t_ns"] = self.t_start_ns + np.rint(gone_s[rows_of] * NS_PER_S).astype(np.int64)
            rows["pos_m"], rows["vel_mps"] = volley.at(rows_of, gone_s[rows_of])
        return rows

    def _remember(self, tracks: Records) -> None:
        # Of those that guns may shoot at; one that a burst is still out for is kept beyond its end.
        awaited = {burst.track_id for _, _, burst in self._pending}
        for row in tracks[tracks["status"] != TrackStatus.TENTATIVE]:
            track_id = int(row["track_id"])
            if row["status"] == TrackStatus.DROPPED and track_id not in awaited:
                self._tracks.pop(track_id, None)
            else:
                self._tracks[track_id] = row.copy()

    def _shoot(self, guns: FireControl, t_ns: int, tracks: Records, threats: Sequence[Threat]) -> None:
        for burst in guns.step(t_ns, tracks, threats):
            heapq.heappush(self._pending, (burst.t_intercept_ns, burst.engagement_id, burst))
        rows = guns.not_engaged(t_ns)
        if len(rows):
            self._engagements.append(rows)

    def _hold(self, t_ns: int) -> None:
        # Bursts that a rule stops: by what was known until now, then by what friends have just told of themselves.
        if self._fire_control is not None and self.rules is not None:
            rows = self._fire_control.call_off(t_ns)
            self.rules.take(t_ns, self.friends.reports(t_ns))
            off = set(rows["engagement_id"].tolist())
            self._pending = sorted(item for item in self._pending if item[1] not in off)  # sorted, it is a heap
            self._engagements.append(rows)

    def _settle(self, until_ns: int) -> None:
        # Intercepts up to now: what each burst met, and what that did to it.
        while self._fire_control is not None and self._pending and self._pending[0][0] <= until_ns:
            t_ns, _, burst = heapq.heappop(self._pending)
            t_s = (t_ns - self.t_start_ns) / NS_PER_S
            truth_id, path, body = self._met(burst, t_s)
            settled = self._fire_control.settle(burst, path, body)
            fate = str(settled.row["fate"][0])
            if truth_id and fate:
                self.n_traffic_hit += truth_id > len(self._volley.rounds)
                if fate == Fate.FUZE_DEAD:
                    self.duds.add(truth_id)
                else:  # not before now: what was seen until now was there
                    kill_s = max((settled.kill_ns - self.t_start_ns) / NS_PER_S, t_s)
                    self.dead_s[truth_id] = min(kill_s, self.dead_s.get(truth_id, np.inf))
            self.spent.append((burst.t_fire_ns, truth_id, settled.spent))
            self._engagements.append(settled.row)

    def _met(self, burst: PlannedBurst, t_s: float) -> tuple[int, Path | None, RoundClass | None]:
        # The nearest body to where the track is believed to be; a burst may meet traffic if the track follows it.
        track = self._tracks.get(burst.track_id)
        now = self._things(t_s)
        now = now.keep(now.is_solid)
        if track is None or not len(now.truth_id):
            return 0, None, None
        dt_s = (burst.t_intercept_ns - int(track["t_ns"])) / NS_PER_S
        aim = propagate(np.array(track["state"])[None], np.array([dt_s]), self._environment)[0, :3]
        away = np.linalg.norm(now.pos_m - aim, axis=1)
        i = int(np.argmin(away))
        if not away[i] <= GATE_M:
            return 0, None, None
        truth_id, fire_s = int(now.truth_id[i]), (burst.t_fire_ns - self.t_start_ns) / NS_PER_S
        if truth_id > len(self._volley.rounds):  # what is no round goes straight on for the while
            around = np.array([t_s, t_s + 1.0]) - fire_s
            vel = np.tile(now.vel_mps[i], (2, 1))
            return truth_id, Path(around, now.pos_m[i] + np.array([[0.0], [1.0]]) * vel, vel), None
        t = np.arange(fire_s, t_s + _SETTLE_S, _PATH_STEP_S)
        end_s = min(self._volley.end_s[truth_id - 1], self.dead_s.get(truth_id, np.inf))
        path = Path(t - fire_s, *self._volley.at(np.full(t.size, truth_id - 1), t), end_s - fire_s)
        return truth_id, path, self.classes[self._volley.rounds[truth_id - 1].round_class]

    def _flush(self, t_ns: int) -> Iterator[Aside]:
        rows = [row for row in self._engagements if len(row)]
        self._engagements.clear()
        if rows:
            yield Aside(t_ns=t_ns, kind="engagements", rows=freeze(np.concatenate(rows).astype(ENGAGEMENT)))


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
