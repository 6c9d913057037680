"""Closed-loop nights in which simulated fire is watched: every round fired, against the true way of every friend.

Nothing here is shared with the rules: rounds are drawn anew about what was commanded, flown by the kernels in true air,
and held against where friends truly are.
"""

import math
import tomllib
from importlib import resources
from typing import NamedTuple

import msgspec
import numpy as np

from casemate.constants import NS_PER_S
from casemate.model.catalog import RoundFile, SiteFile
from casemate.model.messages import Aside
from casemate.pipeline import Pipeline, Plan
from casemate.runner import with_ticks
from casemate.sim.intercept.declared import RulesOfFire
from casemate.sim.intercept.fire import turned
from casemate.sim.outcome import Scorer
from casemate.sim.scenario import Scenario
from casemate.sim.world import World

DATA = resources.files("casemate").joinpath("data")
STEP_S = 0.05
SIGMAS, BODY_M = 4.0, 10.0


class Night(NamedTuple):
    """What came of a seed."""

    outcome: object
    n_bursts: int
    p_kills: float  # sum over bursts of the probability of a kill, their shared errors and the truth known
    n_inside: int  # bursts in whose danger volume a friend truly was
    n_rounds: int
    least_m: float  # of any round, until it destroyed itself, from any friend
    least_unburst_m: float  # of any that did not, until it came down


def read(name, *, is_obeyed=True):
    """Return a packaged scenario, its rules obeyed or not, with its site."""
    scenario = msgspec.convert(tomllib.loads(DATA.joinpath("scenarios", f"{name}.toml").read_text()), Scenario)
    rules = msgspec.structs.replace(scenario.rules or RulesOfFire(), is_obeyed=is_obeyed)
    site = msgspec.toml.decode(DATA.joinpath("sites", f"{scenario.site}.toml").read_bytes(), type=SiteFile)
    return msgspec.structs.replace(scenario, rules=rules), site


def run(name, seed, *, is_obeyed=True):
    """Run a night; return what came of it."""
    scenario, site = read(name, is_obeyed=is_obeyed)
    rounds = msgspec.toml.decode(DATA.joinpath("rounds.toml").read_bytes(), type=RoundFile).round
    plan = Plan(site=site, rounds=rounds)
    frame = plan.frame()
    world = World(scenario, site, rounds, frame, seed, environment=plan.environment())
    guns, fired = world._fire_control, []
    settle = guns.settle

    def watch(burst, *rest):
        fired.append((burst, guns._told(burst, guns._aimed_at[burst.engagement_id])))
        return settle(burst, *rest)

    guns.settle = watch
    scorer, pipeline = Scorer(world, site, frame), Pipeline(plan)
    for message in with_ticks(world):
        events = None if isinstance(message, Aside) else pipeline.step(message)
        world.take(message, events)
        scorer.take(message, events)
    return judge(world, guns, fired, scorer.outcome(), np.random.default_rng([seed, 1]))


def judge(world, guns, fired, outcome, rng):
    """Return the night, its rounds flown."""
    n_inside, n_rounds, least_m, least_unburst_m = 0, 0, math.inf, math.inf
    for burst, told in fired:
        kind, shots = guns._mounts[burst.gun_id].kind, guns._true_shots[burst.gun_id]
        fire_s, n = (burst.t_fire_ns - world.t_start_ns) / NS_PER_S, told.left_s.size
        n_rounds += n
        end_s = kind.self_destruct_s + SIGMAS * kind.sigma_self_destruct_s
        far_m, pos = pass_by(world, shots, told, told.muzzle_mps, fire_s, end_s)
        wide = SIGMAS * 1e-3 * math.hypot(kind.scatter_mrad, kind.shared_mrad())
        n_inside += bool(np.any(far_m < wide * np.linalg.norm(pos - told.place_m, axis=2) + BODY_M))
        bias = guns._boresights[burst.gun_id] + 1e-3 * kind.aim_error_mrad * rng.standard_normal(2)
        turn = bias + 1e-3 * kind.scatter_mrad * rng.standard_normal((n, 2))
        lot = kind.sigma_lot_mps * rng.standard_normal() + kind.sigma_muzzle_mps * rng.standard_normal(n)
        muzzle = turned(told.muzzle_mps, turn, lot)
        far_m, _ = pass_by(world, shots, told, muzzle, fire_s, end_s)
        ends = kind.self_destruct_s + kind.sigma_self_destruct_s * rng.standard_normal(n)
        is_aloft = np.arange(far_m.shape[1]) * STEP_S < ends[:, None]
        least_m = min(least_m, float(np.min(far_m[is_aloft], initial=math.inf)))
        duds = np.flatnonzero(rng.random(n) < kind.p_self_destruct_fails)
        if duds.size:
            few = told._replace(left_s=told.left_s[duds])
            far_m, pos = pass_by(world, shots, few, muzzle[duds], fire_s, 40.0)
            least_unburst_m = min(least_unburst_m, float(np.min(far_m[pos[:, :, 2] > 0.0], initial=math.inf)))
    p_kills = sum(spent.end.p_kill for _, _, spent in world.spent)
    return Night(outcome, len(fired), p_kills, n_inside, n_rounds, least_m, least_unburst_m)


def pass_by(world, shots, told, muzzle_mps, fire_s, end_s):
    """Return how near each round comes to any friend in each step (n, m) [m], and where it is (n, m, 3)."""
    t = np.arange(0.0, end_s + STEP_S, STEP_S)
    n = len(muzzle_mps)
    pos = shots.at(told.place_m, np.repeat(muzzle_mps, t.size, axis=0), np.tile(t, n))[:, :3].reshape(n, t.size, 3)
    now_s = fire_s + told.left_s[:, None] + t
    friends = world.friends.at(now_s.ravel()).reshape(-1, n, t.size, 3)
    least = np.full((n, t.size), math.inf)
    for friend in friends:
        gap = pos - friend
        step = gap[:, 1:] - gap[:, :-1]
        part = np.clip(-np.sum(gap[:, :-1] * step, axis=2) / np.maximum(np.sum(step * step, axis=2), 1e-9), 0.0, 1.0)
        nearest = np.linalg.norm(gap[:, :-1] + part[:, :, None] * step, axis=2)
        least[:, :-1] = np.fmin(least[:, :-1], nearest)
    return least, pos
