"""Two fidelities of a burst: the analytic probability of a kill against every round flown, over 200 cases.

    python tests/bench/bench_burst.py [cases] [bursts a case] [seed]

Each case draws a kind of gun, a class of round, where and how fast it comes, and how well it is tracked. The analytic
figure is what the fire control believes before it fires. Then bursts are flown: the truth is drawn about the estimate,
as an honest tracker has it, and so are wind, boresight and lot; each round flies. A case counts as inside when the
analytic figure lies in the exact (Clopper, Pearson) 95 % interval of the share of bursts that killed: at least 95 % of
all should.
"""

import math
import sys
import time

import numpy as np
from scipy.stats import beta, binomtest

from casemate.io.settings import read_rounds
from casemate.model.catalog import EnvironmentSettings
from casemate.physics.ballistics import propagate
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.sim.intercept.aim import carry, meet
from casemate.sim.intercept.fire import command, draw_boresight, draw_shared, fire
from casemate.sim.intercept.gun import packaged_kinds
from casemate.sim.intercept.shots import Path, Shots, path_ahead

WIND_MPS = 2.5
AIR = build_environment(
    EnvironmentSettings(sigma_wind_mps=WIND_MPS), SiteFrame(33.3, 44.39, 34.0), drag_shape_of("generic")
)
PLACE = np.zeros(3)


def draw_case(rng, shots, bodies):
    """Return state and covariance of an estimate, its age at the trigger, rounds and time of the middle meeting."""
    kind, body = shots.kind, bodies[rng.choice(list(bodies))]
    n = min(int(rng.uniform(*kind.band["n_burst"])), 150)
    range_m = rng.uniform(kind.range_m[0] + 200.0, shots.reach_m - 200.0)
    elevation, bearing = rng.uniform(0.15, 1.2), rng.uniform(-3.0, 3.0)
    ray = [math.cos(elevation) * math.sin(bearing), math.cos(elevation) * math.cos(bearing), math.sin(elevation)]
    speed, heading, descent = rng.uniform(120.0, 350.0), bearing + math.pi + rng.normal(0.0, 0.5), rng.uniform(0.1, 1.2)
    vel = [math.cos(descent) * math.sin(heading), math.cos(descent) * math.cos(heading), -math.sin(descent)]
    ln_drag = math.log(body.cd[0] * 0.25 * math.pi * body.calibre_m**2 / body.mass_kg)
    there = np.array([*(range_m * np.array(ray)), *(speed * np.array(vel)), ln_drag])
    middle_s = float(np.mean(kind.rounds_s(n)) + shots.lever(np.array([range_m])).flight_s[0])
    age_s = rng.uniform(0.1, 1.0)
    state = propagate(there[None], np.array([-(middle_s + age_s)]), AIR)[0]
    sigma_m = math.exp(rng.uniform(math.log(0.3), math.log(6.0)))
    root = rng.normal(size=(6, 6))
    scale = sigma_m * np.array([1.0] * 3 + [rng.uniform(0.1, 0.6)] * 3)
    cov = np.zeros((7, 7))
    cov[:6, :6] = scale[:, None] * (0.5 * np.eye(6) + root @ root.T / 12.0) * scale
    cov[6, 6] = rng.uniform(0.01, 0.15) ** 2
    return state, cov, age_s, n, middle_s, body


def believed(shots, state, cov, age_s, n, middle_s, body):
    """Return what the fire control makes of it, and how long that takes [s]."""
    started, ahead_s = time.perf_counter(), np.array([age_s + middle_s])
    end = propagate(state[None], ahead_s, AIR)
    there = carry(cov, ahead_s, state[3:6], end[:, 3:6])
    met = meet(shots, PLACE, end[:, :3], end[:, 3:6], there, n, body)
    return met.p_exact(0), float(met.p_quick()[0]), time.perf_counter() - started


def flown(rng, shots, state, cov, age_s, n, middle_s, body, bursts):
    """Return how many of so many bursts killed."""
    told = command(shots, PLACE, path_ahead(state, age_s, middle_s + 3.0, AIR), n)
    t = np.linspace(0.0, middle_s + 2.5, 6)
    starts = state + rng.standard_normal((bursts, 7)) @ np.linalg.cholesky(cov + 1e-12 * np.eye(7)).T
    paths = propagate(np.repeat(starts, t.size, axis=0), np.tile(age_s + t, bursts), AIR).reshape(bursts, t.size, 7)
    kills = 0
    for path in paths:
        shared = draw_shared(shots.kind, draw_boresight(shots.kind, rng), WIND_MPS, rng)
        truth = Path(t, path[:, :3], path[:, 3:6])
        kills += fire(shots, told, truth, body, shared, rng, is_every_round_flown=True).fate is not None
    return kills


def main(cases=200, bursts=400, seed=7):
    rng, bodies = np.random.default_rng(seed), {body.name: body for body in read_rounds()}
    guns = [Shots(kind, AIR) for kind in packaged_kinds().values()]
    inside, worst, analytic_s, rounds, table = 0, 0.0, 0.0, 0, []
    started = time.perf_counter()
    for _ in range(cases):
        shots = guns[rng.integers(len(guns))]
        case = draw_case(rng, shots, bodies)
        p, quick, took_s = believed(shots, *case)
        k = flown(rng, shots, *case, bursts)
        low = beta.ppf(0.025, k, bursts - k + 1) if k else 0.0
        high = beta.ppf(0.975, k + 1, bursts - k) if k < bursts else 1.0
        inside += low <= p <= high
        worst, analytic_s, rounds = max(worst, abs(p - quick)), analytic_s + took_s, rounds + case[3] * bursts
        table.append((p, k / bursts))
        if not low <= p <= high:
            print(f"outside: {shots.kind.name} {case[5].name} n {case[3]}: {p:.4f}, flown {low:.4f} to {high:.4f}")
    table = np.array(table)
    band = binomtest(inside, cases).proportion_ci()
    print(f"inside {inside} of {cases} ({100 * band.low:.0f} to {100 * band.high:.0f} %), {bursts} bursts each")
    print(f"analytic {table[:, 0].min():.1e} to {table[:, 0].max():.2f}; mean {table[:, 0].mean():.4f},")
    print(f"flown mean {table[:, 1].mean():.4f} (n = {cases * bursts} bursts, {rounds:,} rounds)")
    print(f"quick answer off by {worst:.3f} at most; {1e3 * analytic_s / cases:.2f} ms an analytic burst")
    print(f"{(time.perf_counter() - started) / rounds * 1e6:.1f} us a round flown")


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:]))
