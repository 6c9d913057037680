"""What a burning motor does to the first ten seconds of a track, and what a second, pushed state gains and costs.

    python tests/bench/bench_thrust.py KIND RANGE_KM RATE_HZ [--runs N] [--seeds SEED ...] [--range-rate SIGMA]

KIND: r107, r122, long (the 122 mm body burning for 3 s), m82, m120, s155. Truth: exact flight, thrust off constant by
up to 15 %, drag off by 15 % (1 sigma), the class's own drag curve. The filter believes the generic curve. Radar: 15 m,
3 mrad, Pd 0.9, from 0.5 degrees up. Plots are known to be the round's. Compared are
  ballistic   one ballistic state from the first plot
  best start  the likeliest of ballistic states begun on each plot of the first 3.5 s, plots before it false: what
              multiple hypotheses can do without knowing of motors
  noisy start one ballistic state with process noise of 1,000 m2/s3 in its first 2 s
  pair        ballistic, and beside it the same with 5,000 m2/s3 in its first 2 s; weighed by likelihood, never merged
  built       as the tracker does: ballistic, until a plot of the first 2 s fits badly, and better if 5,000 m2/s3 had
              pushed since the first plot (odds 0.3 to 0.7); from there on with that noise, to the end of the 2 s
  told        ballistic from the first plot after the burn: knows when it ended
Decision 14 has the table.
"""

import argparse
import math

import numpy as np
from flight_cases import environment
from numba import njit

from casemate.io.settings import read_rounds
from casemate.kernels import ballistic, kalman, looks
from casemate.kernels.leaves import LN_PUSHED, PUSH_D2, PUSH_Q
from casemate.model.catalog import Motor
from casemate.physics.ballistics import predict_impacts
from casemate.physics.body import body_of, build_body, motor_of
from casemate.physics.drag import compile_drag
from casemate.physics.exact import Rail, fly_exact
from casemate.physics.geodesy import SiteFrame
from casemate.tracking.priors import PRIORS

ENV, FRAME = environment(), SiteFrame(33.3, 44.39, 34.0)
ROUNDS = {one.name: one for one in read_rounds()}
MARKS_S = (2, 4, 6, 10)
PUSH_S = 2.0  # with PUSH_Q: 100 m/s (1 sigma) of speed
P_PUSHED = 0.3
LN_FALSE = math.log(3.5e-13)  # 10 false plots a scan in the coverage, per m3
EDGES = np.array([500.0, 25e3, 0.0, 2.0 * math.pi, 0.0087, 1.05])
SENSOR = looks.Sensor(
    np.array([0.0, 0.0, 10.0]), np.eye(3), 0.9, 3.5e-13, 1e-6, np.array([15.0, 3e-3, 3e-3, 2.0, 30.0]), EDGES, True
)  # fmt: skip
SPEEDS = {"m82": (150.0, 250.0), "m120": (200.0, 320.0), "s155": (350.0, 600.0)}
RISES_DEG = {"m82": (45.0, 65.0), "m120": (45.0, 65.0), "s155": (20.0, 50.0)}


@njit(cache=True, error_model="numpy")
def begin(z, var, env, noise, x, p, work):
    """A state from one plot."""
    x[:], p[:, :] = 0.0, 0.0
    across = z[0] * math.cos(z[2])
    x[0], x[1], x[2] = across * math.sin(z[1]), across * math.cos(z[1]), z[0] * math.sin(z[2]) + 10.0
    for k in range(3):
        p[k, k], p[3 + k, 3 + k] = 1e10, noise.sigma_speed**2
    kalman.forget_drag(x, p, noise)


@njit(cache=True, error_model="numpy")
def run_one(z, var, t, sensor, env, noise, early_q, states, covs, lns):
    """One ballistic state; lns (m,) gets the log-likelihood ratio of each plot after the first."""
    work, x, p = np.empty((4, 7, 7)), np.empty(7), np.empty((7, 7))
    begin(z[0], var[0], env, noise, x, p, work)
    for k in range(len(z)):
        if k == 1:
            kalman.predict_second(x, p, t[1] - t[0], z[1], sensor, env, noise, work)
        elif k > 1:
            kalman.predict_ballistic(x, p, t[k] - t[k - 1], env, noise, work)
        if k > 0 and early_q > 0.0 and t[k] - t[0] <= 2.0:
            for i in range(3):
                ballistic.diffuse(p, i, early_q, t[k] - t[k - 1])
        ln, _ = kalman.update_state(x, p, False, False, z[k], var[k], sensor, env, work)
        lns[k] = ln + math.log(0.9) - LN_FALSE - math.log(z[k, 0] ** 2 * math.cos(z[k, 2])) if k else 0.0
        kalman.copy_state(x, p, states[k], covs[k])


@njit(cache=True, error_model="numpy")
def merge(x, p, weight, y, q, other):
    """Mean and covariance of a mixture, into (x, p): Bar-Shalom, Li, Kirubarajan, 2001, section 1.4.16."""
    b = other / (weight + other)
    for i in range(7):
        for j in range(7):
            p[i, j] = (1.0 - b) * p[i, j] + b * q[i, j] + b * (1.0 - b) * (x[i] - y[i]) * (x[j] - y[j])
    for i in range(7):
        x[i] += b * (y[i] - x[i])


@njit(cache=True, error_model="numpy")
def run_pair(z, var, t, sensor, env, noise, p_pushed, early_q, early_s, states, covs, shares):
    """Ballistic 0, and 1 the same with process noise while a motor may burn; weighed by likelihood, reported mixed."""
    work, x, p = np.empty((4, 7, 7)), np.empty((2, 7)), np.empty((2, 7, 7))
    w, ln = np.array([1.0 - p_pushed, p_pushed]), np.empty(2)
    for k in range(len(z)):
        dt = t[k] - t[k - 1] if k else 0.0
        for m in range(2):
            if k == 0:
                begin(z[0], var[0], env, noise, x[m], p[m], work)
            elif k == 1:
                kalman.predict_second(x[m], p[m], dt, z[1], sensor, env, noise, work)
            else:
                kalman.predict_ballistic(x[m], p[m], dt, env, noise, work)
            if m == 1 and k > 0 and t[k] - t[0] <= early_s:
                for i in range(3):
                    ballistic.diffuse(p[m], i, early_q, dt)
            ln[m] = math.log(max(w[m], 1e-12))
            ln[m] += kalman.update_state(x[m], p[m], False, False, z[k], var[k], sensor, env, work)[0]
        top = max(ln[0], ln[1])
        w[0], w[1] = math.exp(ln[0] - top), math.exp(ln[1] - top)
        total = w[0] + w[1]
        w[0], w[1] = w[0] / total, w[1] / total
        shares[k] = w[1]
        best = 0 if w[0] >= w[1] else 1
        kalman.copy_state(x[best], p[best], states[k], covs[k])
        if w[1 - best] > 1e-3:
            merge(states[k], covs[k], w[best], x[1 - best], p[1 - best], w[1 - best])


@njit(cache=True, error_model="numpy")
def run_built(z, var, t, sensor, env, noise, states, covs):
    """One ballistic state that gets pushed where a plot says so, as leaves do."""
    work, x, p, y, q = np.empty((4, 7, 7)), np.empty(7), np.empty((7, 7)), np.empty(7), np.empty((7, 7))
    begin(z[0], var[0], env, noise, x, p, work)
    is_pushed = False
    for k in range(len(z)):
        if k == 1:
            kalman.predict_second(x, p, t[1] - t[0], z[1], sensor, env, noise, work)
        elif k > 1:
            kalman.predict_ballistic(x, p, t[k] - t[k - 1], env, noise, work)
        is_early = k > 1 and t[k - 1] - t[0] < PUSH_S
        if is_early and is_pushed:
            for i in range(3):
                ballistic.diffuse(p, i, PUSH_Q, t[k] - t[k - 1])
        kalman.copy_state(x, p, y, q)
        ln, d2 = kalman.update_state(x, p, False, False, z[k], var[k], sensor, env, work)
        if is_early and not is_pushed and d2 > PUSH_D2:
            for i in range(3):
                ballistic.diffuse(q, i, PUSH_Q, t[k] - t[0])
            is_pushed = kalman.update_state(y, q, False, False, z[k], var[k], sensor, env, work)[0] + LN_PUSHED > ln
            if is_pushed:
                kalman.copy_state(y, q, x, p)
        kalman.copy_state(x, p, states[k], covs[k])


@njit(cache=True, error_model="numpy")
def project_many(states, sensor, env, z):
    rows = np.empty((5, 7))
    for i in range(len(states)):
        looks.project(states[i], False, sensor, env, z[i], rows)


def fly(kind, range_m, rng):
    """One flight from the ground toward the radar, and when its burn ends [s]."""
    factor, bearing = math.exp(0.15 * rng.normal()), rng.uniform(0.0, 2.0 * math.pi)
    place = np.array([range_m * math.sin(bearing), range_m * math.cos(bearing), 1.0])
    to = bearing + math.pi + math.radians(15.0) * rng.normal()
    if kind in SPEEDS:
        speed, rise = rng.uniform(*SPEEDS[kind]), math.radians(rng.uniform(*RISES_DEG[kind]))
        way = np.array([math.cos(rise) * math.sin(to), math.cos(rise) * math.cos(to), math.sin(rise)])
        return fly_exact(body_of(ROUNDS[kind], factor), FRAME, place, speed * way), 0.0
    one = ROUNDS["r107" if kind == "r107" else "r122"]
    motor, burn_s = motor_of(one), 3.0 if kind == "long" else one.burn_s * rng.uniform(0.9, 1.1)
    thrust, tilt = motor.thrust_n[0] * one.burn_s / burn_s, rng.uniform(-0.15, 0.15)
    ends = thrust * (1.0 - tilt), thrust * (1.0 + tilt)
    motor = Motor(thrust_s=(0.0, burn_s), thrust_n=ends, propellant_kg=motor.propellant_kg)
    table = factor * compile_drag(one.mach, one.cd).table
    body = build_body(one.mass_kg, 0.25 * math.pi * one.calibre_m**2, table, motor=motor, mach_top=one.mach[-1])
    return fly_exact(body, FRAME, place, rail=Rail(2.0, to, math.radians(rng.uniform(15.0, 45.0)))), burn_s


def look(path, rate_hz, rng, sigma_rate):
    """Times, true states (m, 7) and plots (m, 5) of what the radar sees of a path."""
    t = np.arange(path.t_s[0] + rng.uniform(0.0, 1.0 / rate_hz), path.t_s[-1], 1.0 / rate_hz)
    truth, z = np.zeros((len(t), 7)), np.empty((len(t), 5))
    for i in range(3):
        truth[:, i], truth[:, 3 + i] = (np.interp(t, path.t_s, each[:, i]) for each in (path.pos_m, path.vel_mps))
    project_many(truth, SENSOR, ENV, z)
    seen = (z[:, 2] > math.radians(0.5)) & (rng.random(len(t)) < 0.9)
    z += rng.normal(size=z.shape) * [15.0, 3e-3, 3e-3, sigma_rate or 0.0, 0.0]
    z[:, 4] = math.nan
    if sigma_rate is None:
        z[:, 3] = math.nan
    return t[seen], truth[seen], z[seen]


def room(m):
    return np.empty((m, 7)), np.empty((m, 7, 7)), np.empty(m)


def runs_of(z, var, t, end_s):
    """All filters over the plots of one round: {name: (first plot, states, covs)}; `best start` at each plot."""
    found, m = {}, len(z)
    burning = int((t < end_s).sum())
    for name, a, q in (("ballistic", 0, 0.0), ("noisy start", 0, 1000.0), ("told", burning, 0.0)):
        if m - a > 2:
            out = room(m - a)
            run_one(z[a:], var[a:], t[a:], SENSOR, ENV, PRIORS, q, *out)
            found[name] = (a, *out[:2])
    out = room(m)
    run_pair(z, var, t, SENSOR, ENV, PRIORS, P_PUSHED, PUSH_Q, PUSH_S, *out)
    found["pair"] = (0, *out[:2])
    out = room(m)
    run_built(z, var, t, SENSOR, ENV, PRIORS, *out[:2])
    found["built"] = (0, *out[:2])
    score, best = np.full(m, -1.0), room(m)
    for a in range(min(int((t < t[0] + 3.5).sum()), m - 2)):
        states, covs, lns = room(m - a)
        run_one(z[a:], var[a:], t[a:], SENSOR, ENV, PRIORS, 0.0, states, covs, lns)
        total = np.cumsum(lns)
        wins = a + np.flatnonzero(total > score[a:])
        score[wins], best[0][wins], best[1][wins] = total[wins - a], states[wins - a], covs[wins - a]
    found["best start"] = (0, *best[:2])
    return found


NAMES = ("ballistic", "best start", "noisy start", "pair", "built", "told")


def study(kind, range_m, rate_hz, runs, seeds, sigma_rate=None):
    """Rows of (NEES of position and velocity, miss [m], squared distance of the miss) by time and filter."""
    rows, n_burning = {(mark, name): [] for mark in MARKS_S for name in NAMES}, []
    for seed in seeds:
        rng = np.random.default_rng([seed, int(range_m)])
        for _ in range(runs):
            path, end_s = fly(kind, range_m, rng)
            t, truth, z = look(path, rate_hz, rng, sigma_rate)
            if len(t) < 3:
                continue
            n_burning.append((t < end_s).sum())
            var = np.tile(np.square([15.0, 3e-3, 3e-3, sigma_rate or 1.0, 30.0]), (len(t), 1))
            for name, (a, states, covs) in runs_of(z, var, t, end_s).items():
                for mark in MARKS_S:
                    i = int(np.searchsorted(t - t[0], mark + 1e-9, side="right")) - 1
                    if i - a < 1 or t[-1] - t[0] < mark:
                        continue
                    x, p = states[i - a], covs[i - a].copy()
                    e = x[:6] - truth[i, :6]
                    nees = e @ np.linalg.solve(p[:6, :6], e)
                    p[6, 6] += 0.01  # drag curve, 10 %
                    found = predict_impacts(x[None], p[None], ENV)
                    miss = found.point_m[0] - path.pos_m[-1, :2]
                    d2 = miss @ np.linalg.solve(found.cov_m2[0], miss) if np.isfinite(miss).all() else np.inf
                    rows[mark, name].append((nees, np.linalg.norm(miss) if math.isfinite(d2) else np.inf, d2))
    return rows, np.array(n_burning)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind")
    parser.add_argument("range_km", type=float)
    parser.add_argument("rate_hz", type=float)
    parser.add_argument("--runs", type=int, default=100, help="per seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--range-rate", type=float)
    a = parser.parse_args()
    rows, n = study(a.kind, 1e3 * a.range_km, a.rate_hz, a.runs, a.seeds, a.range_rate)
    print(f"{a.kind} at {a.range_km:g} km, {a.rate_hz:g} Hz, range rate {a.range_rate}: {len(n)} rounds, ", end="")
    print(f"{n.mean():.2f} plots while burning, none for {100 * (n == 0).mean():.0f} %")
    for (mark, name), values in rows.items():
        if len(values):
            nees, miss, d2 = np.array(values).T
            boot = np.random.default_rng(0).choice(miss, (400, len(miss)))
            low, high = np.percentile(np.median(boot, 1), [2.5, 97.5])
            print(
                f"  {mark:2d} s {name:11s} n {len(miss)} NEES mean {np.minimum(nees, 1e4).mean():7.1f} median"
                f" {np.median(nees):6.1f}  miss median {np.median(miss):6.0f} ({low:.0f} to {high:.0f})"
                f" 90 % {np.percentile(miss, 90):6.0f} m  inside 50: {100 * (d2 < 1.386).mean():3.0f}"
                f" 90: {100 * (d2 < 4.605).mean():3.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
