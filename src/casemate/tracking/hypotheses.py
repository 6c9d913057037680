"""Hypotheses: what a scan makes of a bank of leaves. Face of the leaf kernels.

Holds no track: the bank does. A scan grows leaves by its plots, counts misses and age, chooses the global hypothesis
and prunes what is not worth carrying on.
"""

import math
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.kernels import births, choice, growth, looks, mouths, pruning
from casemate.kernels.leaves import RUN_ROUND, SALVO, SPOT, WINDOW, Rule
from casemate.model.catalog import Declaration, NotNegative, Positive
from casemate.model.records import TRACK, Records, TrackStatus
from casemate.physics.environment import Environment
from casemate.physics.radar import SensorModel
from casemate.tracking import door
from casemate.tracking.bank import Bank, Ended
from casemate.tracking.filter import EDGE_SIGMAS, LEAST_FALSE_PLOTS, Floats, Ints, bundle_of
from casemate.tracking.priors import PRIORS

TURN = 2.0 * math.pi
UNDER_GROUND_M = 30.0
"""A round predicted so deep has landed; the ground is not as flat as assumed."""

WINDOW_S, WINDOW_SCANS = 3.0, 5
"""How far back a choice can be undone: so many seconds, and so many scans at least."""

ENTRY_SHARE = 20.0
"""Rounds come in over the edges of the coverage: there they are so much denser than if they began anywhere [A]."""

KEEP_MOST, KEEP_WITHIN, KEEP_ALONE = 8, 14.0, 7.0
"""Leaves of a tree carried on, how far behind the best [nats], and how far where no other tree wants their plots."""

LN_END, LN_STAY = 8.0, 1.5
"""Of a track that ends in sight, and of a change of mind [nats]."""

RATE_S = 10.0
"""Over how long the rounds that came in tell how many more do: an unknown rate, by its count (Gamma and Poisson)."""

LEAST_SCORE = -8.0
"""Leaves below are given up: a pair of plots in mid-air that was missed before, and a little [nats]."""

LEAST_BESIDE = -3.0
"""The same of a pair of plots while a salvo comes in: its rounds begin at the mouth, and pairs in mid-air abound."""

SURE = 15.0
"""Nothing begins at the plots of a track of this score."""


class Settings(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be said about the life of tracks."""

    confirm_score: Annotated[float, Meta(ge=0.0)] = 6.0
    """ln of the odds at which a track is confirmed; the trade-off curve in the how-to says what it costs."""
    rounds_per_s: Positive = 0.3
    """Rounds that come into the coverage [1/s], while there are any [A]."""
    others_per_s: Positive = 0.05
    """Other things that appear, anywhere [1/s]: 5,000 birds and aircraft a day."""
    drop_score: Annotated[float, Meta(lt=0.0)] = -11.0
    """A confirmed track is dropped when the misses since its last hit add up to this: five at Pd 0.9."""
    drop_score_young: Annotated[float, Meta(lt=0.0)] = -5.0
    """The same for a tentative one: two at Pd 0.9."""
    coast_most_s: NotNegative = 60.0
    """A confirmed track that cannot be seen (no scan comes, or it is overhead) is kept so long [s]."""


class Sweep(NamedTuple):
    """A scan behind the door."""

    sensor_id: int
    t_start_ns: int
    t_end_ns: int
    arc_rad: tuple[float, float]  # from, width
    spots: NDArray[np.void]  # SPOT (n,)
    parts: tuple[Ints, ...]  # rows of `spots`, by time: no thing is twice in one part


class Salvos(NamedTuple):
    """The salvos that are under way."""

    rows: NDArray[np.void]  # SALVO (k,)
    sigma_mps: float  # of a round's velocity about its salvo's, each way


NO_SALVOS = Salvos(np.zeros(0, SALVO), 0.0)


class Chosen(NamedTuple):
    """The global hypothesis."""

    slots: Ints  # its leaves
    touched: NDArray[np.bool_]  # those that this step changed
    n_clusters: int  # of trees that compete for plots
    n_broken: int  # living leaves that hold what cannot be


class Hypotheses:
    """Grows and prunes banks of leaves as a site's sensors and settings say."""

    def __init__(self, sensors: Sequence[SensorModel], environment: Environment, settings: Settings) -> None:
        self.sensors, self.environment, self.settings, self.noise = tuple(sensors), environment, settings, PRIORS
        self._bundles = tuple(bundle_of(sensor) for sensor in self.sensors)
        self._period_ns = np.array([round(sensor.scan_period_s * NS_PER_S) for sensor in self.sensors], np.int64)
        self._ln_miss = np.array([math.log1p(-sensor.p_detection) for sensor in self.sensors])
        self._worst = np.array([settings.drop_score_young, settings.drop_score])  # young, firm
        # how long without a chance to be seen: as long as it would take the misses to add up, and firm ones longer
        self._patience_ns = (np.ceil(self._worst[:, None] / self._ln_miss) + 1.5) * self._period_ns
        self._patience_ns[1] = np.maximum(self._patience_ns[1], settings.coast_most_s * NS_PER_S)
        self._quiet_ns = (1.5 * self._period_ns).astype(np.float64)
        shortest = float(self._period_ns.min())
        n_scans = min(max(WINDOW_SCANS, math.ceil(WINDOW_S * NS_PER_S / shortest)), WINDOW - 2)
        self._window_ns = round((n_scans + 0.5) * shortest)
        n_replay = min(max(9, math.ceil(4.5 * NS_PER_S / shortest)), 18)
        self.replay_ns = round((n_replay + 0.5) * shortest)
        self._memory_ns = max(self.replay_ns, round(4.5 * float(self._period_ns.max())))

    def rate(self, bank: Bank, t_ns: int) -> float:
        """Return how many rounds come in [1/s], as far as a bank knows: those expected, and those that lately did."""
        slots = bank.order[bank.of("is_chosen") & (bank.of("t_birth_ns") > t_ns - RATE_S * NS_PER_S)]
        if not len(slots):
            return self.settings.rounds_per_s
        new = bank.leaves[slots]  # young ones only: a leaf is a large row
        is_round = (new["models"] & RUN_ROUND > 0) & (new["ln_round"] + new["ln_entry"] > new["ln_other"])
        return self.settings.rounds_per_s + int((is_round & (new["status"] != TrackStatus.TENTATIVE)).sum()) / RATE_S

    def rule_of(self, s: int, t_first_ns: int, rounds_per_s: float) -> Rule:
        """Return what birth and life cost in the scans of a sensor that began to scan at t_first_ns."""
        sensor, settings = self.sensors[s], self.settings
        false = max(sensor.false_plots_per_scan, LEAST_FALSE_PLOTS)
        expected = sensor.scan_period_s / false
        volume = 4.0 / 3.0 * math.pi * (births.FASTEST_MPS**3 - births.SLOWEST_MPS**3)
        ln_speed = math.log((2.0 * math.pi) ** 1.5 * self.noise.sigma_speed**3 / volume)
        n_entry = math.ceil(-7.0 / self._ln_miss[s])
        return Rule(
            i_sensor=s,
            period_ns=int(self._period_ns[s]),
            ln_birth_round=math.log(ENTRY_SHARE * rounds_per_s * expected),
            ln_birth_other=math.log(settings.others_per_s * expected),
            ln_miss=float(self._ln_miss[s]),
            t_first_ns=t_first_ns,
            least_score=LEAST_SCORE,
            ln_speed=ln_speed,
            n_entry=min(int(n_entry), 4),
            least_entry=-7.0,
        )

    def spots_of(self, sensor_id: int, t_ns: Ints, values: Floats) -> NDArray[np.void]:
        """Make SPOT rows of accepted plots, (n, 10) by `filter.floats_of`."""
        n = len(t_ns)
        spots = np.zeros(n, SPOT)
        z, var, pos, slack = np.empty((n, 5)), np.empty((n, 5)), np.empty((n, 3)), np.empty(n)
        looks.gather_plots(values, self._bundles[sensor_id], self.environment, z, var, pos, slack)
        spots["t_ns"], spots["i_sensor"], spots["z"], spots["var"] = t_ns, sensor_id, z, var
        spots["pos"], spots["slack_m"] = pos, slack
        return spots

    def step(self, bank: Bank, sweep: Sweep, rule: Rule, salvos: Salvos) -> Chosen:
        """Take a sweep into a bank: grow, count misses, age, choose, prune."""
        bank.leaves["is_fresh"][bank.order] = False
        bank.leaves["is_touched"][bank.order] = False
        if len(salvos.rows):
            rule = rule._replace(least_score=LEAST_BESIDE)
        for part in sweep.parts:
            first = bank.add_spots(sweep.spots[part])
            if bank.spots["t_ns"][first:].max(initial=-1) < 0:  # worked again, and none of them is free
                continue
            new = [*self._extend(bank, first, rule), *self._pair(bank, first, rule)]
            if len(salvos.rows):
                new += self._begin_at_mouth(bank, first, rule, salvos)
            bank.adopt(np.concatenate(new))
        state = self.look_ahead(bank, sweep.t_end_ns)
        if math.isfinite(sum(sweep.arc_rad)):
            self.count_misses(bank, sweep, state)
        self.age(bank, state, sweep.t_end_ns)
        return self.choose(bank, sweep.t_end_ns)

    def _begin_at_mouth(self, bank: Bank, first: int, rule: Rule, salvos: Salvos) -> list[Ints]:
        sensor, env = self._bundles[rule.i_sensor], self.environment
        if not sensor.has_elevation:
            return []
        bank.reserve((len(bank.spots) - first) * len(salvos.rows))
        before = bank.n_free
        places = bank.free, before, bank.spots, bank.base, first
        bank.n_free = mouths.begin_at_mouth(
            bank.leaves, bank.seen, *places, salvos.rows, salvos.sigma_mps, rule, sensor, env, self.noise
        )
        return [bank.free[bank.n_free : before][::-1]]

    def fly_back(self, bank: Bank, slots: Ints) -> Floats:
        """Return position, velocity and acceleration (n, 9) of rounds at their first plots."""
        state = np.empty((len(slots), 9))
        births.fly_back(bank.leaves, slots, self.environment, state)
        return state

    def _extend(self, bank: Bank, first: int, rule: Rule) -> list[Ints]:
        slots: list[Ints] = []
        done, sensor, env = 0, self._bundles[rule.i_sensor], self.environment
        if first == len(bank.spots):
            return slots
        while done < len(bank.order):
            bank.reserve(0)
            before = bank.n_free
            places = bank.order, done, bank.free, bank.n_free, bank.spots, bank.base, first
            done, bank.n_free = growth.extend_leaves(bank.leaves, bank.seen, *places, rule, sensor, env, self.noise)
            slots.append(bank.free[bank.n_free : before][::-1])
        return slots

    def _pair(self, bank: Bank, first: int, rule: Rule) -> list[Ints]:
        sensor, env, room = self._bundles[rule.i_sensor], self.environment, 64 + 2 * (len(bank.spots) - first)
        while True:
            bank.reserve(room)
            before = bank.n_free
            places = bank.free, before, bank.spots, bank.base, self._oldest(bank, first, rule), first
            n_free = births.pair_plots(bank.leaves, bank.seen, *places, rule, sensor, env, self.noise)
            if n_free:
                bank.n_free = n_free
                return [bank.free[n_free:before][::-1]]
            room = 2 * before

    def _oldest(self, bank: Bank, first: int, rule: Rule) -> int:
        # row of the oldest plot that one of the new ones may be paired with; rows are nearly in order of time
        if first == len(bank.spots):
            return first
        t_oldest = bank.spots["t_ns"][first:].min() - int((math.ceil(-4.0 / rule.ln_miss) + 1.0) * rule.period_ns)
        return int((bank.spots["t_ns"] >= t_oldest).argmax())

    def look_ahead(self, bank: Bank, t_ns: int) -> Floats:
        """Return where every living leaf is believed to be (n, 7), ENU."""
        state = np.empty((len(bank.order), 7))
        growth.look_ahead(bank.leaves, bank.order, t_ns, door.OLDEST_NS, self.environment, state)
        return state

    def count_misses(self, bank: Bank, sweep: Sweep, state: Floats) -> None:
        """Count a miss for each leaf that the sweep should have seen; drop those that left every coverage."""
        s, sensor = sweep.sensor_id, self.sensors[sweep.sensor_id]
        az_from, width = sweep.arc_rad
        arc = (az_from, width if width < 0.999 * sensor.arc_rad else TURN)
        codes, has_height = np.empty(len(state), np.uint8), bank.leaves["has_height"][bank.order]
        looks.watch_tracks(state, has_height, self._bundles[s], self.environment, *arc, EDGE_SIGMAS, codes)
        # a whole turn comes when it is over: what it met late last time is due only after its own full turn
        period_ns = int(self._period_ns[s])
        is_turn = sweep.t_end_ns - sweep.t_start_ns > 0.5 * period_ns
        times_ns = sweep.t_end_ns, (1.05 if is_turn else 0.5) * period_ns, period_ns if is_turn else 0
        kept = self._is_covered(state, codes, s)
        growth.count_misses(bank.leaves, bank.seen, bank.order, codes, kept, s, *times_ns, float(self._ln_miss[s]))

    def _is_covered(self, state: Floats, codes: NDArray[np.uint8], by_other_than: int) -> NDArray[np.bool_]:
        # asked only where a leaf left a sensor's coverage
        seen = np.zeros(len(codes), np.bool_)
        gone = (codes & growth.IS_OUT).nonzero()[0]
        for k, sensor in enumerate(self.sensors if len(gone) else ()):
            if k != by_other_than:
                seen[gone] |= sensor.covers(state[gone, :3], EDGE_SIGMAS)
        return seen

    def age(self, bank: Bank, state: Floats, t_ns: int) -> None:
        """Let leaves coast, and drop those that were missed too often, for too long, or are down."""
        lowest_m, radius_m = self.environment.ground_m - UNDER_GROUND_M, self.environment.earth_radius_m
        limits = self._quiet_ns, self._worst, self._patience_ns, lowest_m, radius_m
        growth.age_leaves(bank.leaves, bank.order, state, t_ns, *limits)

    def choose(self, bank: Bank, t_ns: int) -> Chosen:
        """Choose the global hypothesis, label and confirm its leaves, and prune the rest."""
        n = len(bank.order)
        value, (chosen, keep, is_alone) = np.empty(n), np.empty((3, n), np.bool_)
        pruning.value_leaves(bank.leaves, bank.order, LN_END, LN_STAY, value)
        _, n_clusters = choice.choose_leaves(bank.leaves, bank.order, bank.spots, bank.base, value, chosen, is_alone)
        slots = bank.order[chosen]
        bank.next_id = pruning.label_leaves(
            bank.leaves, slots, bank.spots, bank.base, bank.next_id, self.settings.confirm_score, 2, SURE
        )
        limits = t_ns - self._window_ns, KEEP_MOST, KEEP_WITHIN, KEEP_ALONE, is_alone, LEAST_SCORE, LN_END
        rest = np.empty(n)
        pruning.prune_leaves(bank.leaves, bank.order, value, chosen, bank.spots, bank.base, *limits, keep, rest)
        over = rest.nonzero()[0]
        if len(over) or bank.ended:
            births_ns, trees = (bank.leaves[name][bank.order[over]].tolist() for name in ("t_birth_ns", "tree"))
            bank.ended = tuple(one for one in bank.ended if one.t_birth_ns > t_ns - self.replay_ns * 4)
            bank.ended += tuple(map(Ended, births_ns, trees, rest[over].tolist()))
        touched = bank.leaves["is_touched"][slots] | ~bank.leaves["is_chosen"][slots]
        bank.leaves["is_chosen"][bank.order] = chosen
        bank.keep(keep)
        bank.forget_spots(t_ns - self._memory_ns)
        return Chosen(slots, touched, n_clusters, pruning.count_broken(bank.leaves, bank.order))

    def relabel(self, bank: Bank, like: Bank) -> None:
        """Label the chosen leaves of a bank as those of another one with the same plots were."""
        bank.spots["label"], bank.next_id = like.spots["label"], like.next_id
        slots = bank.order[bank.of("is_chosen")]
        bank.leaves["label"][bank.order] = 0
        bank.next_id = pruning.label_leaves(
            bank.leaves, slots, bank.spots, bank.base, bank.next_id, self.settings.confirm_score, 2, SURE
        )

    def report(self, bank: Bank, slots: Ints, t_ns: int) -> Records:
        """Make the TRACK rows of leaves: at their last hit where it is of this step, else at t_ns."""
        rows = np.empty(len(slots), TRACK)
        if not len(slots):
            return rows
        growth.report_leaves(bank.leaves, slots, t_ns, door.OLDEST_NS, 0.0, self.environment, self.noise, rows)
        i_sensor = bank.leaves["i_sensor"][slots]
        for s, bundle in enumerate(self._bundles):
            looks.widen_by_bias(rows["state"], rows["cov"], i_sensor, s, bundle)
        return rows
