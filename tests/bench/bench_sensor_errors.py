"""What rounding and constant offsets of a sensor do to the honesty of one track, and what the cures are worth.

    python tests/bench/bench_sensor_errors.py [--runs N] [--seeds SEED ...]

Rounds fly as the filter believes (process noise included), every plot is seen and known to be the round's: what is left
is the measurement. Prints the mean NEES of position and velocity (6 where honest) with its 95 % interval.
"""

import argparse
import math
from typing import NamedTuple

import numpy as np
from flight_cases import environment
from numba import njit

from casemate.kernels import kalman, looks
from casemate.kernels.looks import Sensor
from casemate.tracking.priors import PRIORS

SIGMAS = np.array([15.0, 3e-3, 3e-3, 2.0, 30.0])
MARKS_S = (5, 10, 20)
LAST_S = 30.0
ENV = environment()._replace(sigma_wind_mps=0.0, drag_doubt=0.0)
NOISE = PRIORS._replace(ballistic_q=0.1)
"""White acceleration is all that the motion does not know here, in truth and filter alike."""


def sensor_at(place_m, case, told) -> Sensor:
    """A radar that looks all round; the filter is told of rounding and offsets, or not."""
    extra = np.zeros(5)
    extra[:3] = told.steps * np.square(case.steps) / 12.0 + told.in_r * np.square(case.bias)
    bias_var = told.in_report * np.square(case.bias)
    edges = np.array([500.0, 25e3, 0.0, 2.0 * math.pi, 0.0087, 1.05])
    return Sensor(np.array(place_m), np.eye(3), 0.9, 1e-12, 1e-6, SIGMAS.copy(), edges, True, extra, bias_var)


class Case(NamedTuple):
    """What is done to the plots, and what the filter is told."""

    rate_hz: int
    steps: tuple[float, float, float] = (0.0, 0.0, 0.0)
    bias: tuple[float, float, float] = (0.0, 0.0, 0.0)
    sharing: str = "one"  # "one" sensor, "both" in turns, "handover" after 7 s


class Told(NamedTuple):
    """What the filter is told about its sensors."""

    steps: bool = False
    in_r: bool = False  # offsets make the variances of plots wider
    in_report: bool = False  # and the reported covariances


def draw_truth(rng, rate_hz):
    """A round 6 to 11 km off that flies toward the sensor: states (m, 7), each 1 / rate_hz."""
    x, bearing, out = np.empty(7), rng.uniform(0.0, 2.0 * math.pi), []
    reach, speed, rise = rng.uniform(6e3, 11e3), rng.uniform(220.0, 420.0), math.radians(rng.uniform(30.0, 60.0))
    x[:3] = reach * math.sin(bearing), reach * math.cos(bearing), rng.uniform(100.0, 400.0)
    side = rng.normal(0.0, 1500.0)
    to = math.atan2(side * math.cos(bearing) - x[0], -side * math.sin(bearing) - x[1])
    x[3:6] = np.array([math.cos(rise) * math.sin(to), math.cos(rise) * math.cos(to), math.sin(rise)]) * speed
    x[6] = math.log(rng.uniform(1e-4, 3e-4))
    dt, q = 1.0 / rate_hz, NOISE.ballistic_q
    root = np.linalg.cholesky(q * np.array([[dt**3 / 3.0, dt**2 / 2.0], [dt**2 / 2.0, dt]]))
    p, work = np.zeros((7, 7)), np.empty((4, 7, 7))
    while len(out) < LAST_S * rate_hz and (not out or x[2] > 50.0):
        out.append(x.copy())
        kalman.predict_ballistic(x, p, dt, ENV, NOISE, work)
        noise = rng.normal(size=(3, 2)) @ root.T
        x[:3] += noise[:, 0]
        x[3:6] += noise[:, 1]
    return np.array(out)


@njit(cache=True, error_model="numpy")
def project_many(states, sensor, env, z):
    """Write what a sensor without errors measures of states."""
    rows = np.empty((5, 7))
    for i in range(len(states)):
        looks.project(states[i], False, sensor, env, z[i], rows)


def look(rng, truth, sensor, case):
    """The float fields of PLOT rows (m, 10) of a truth, by a sensor with an offset of its own."""
    z, offset = np.empty((len(truth), 5)), rng.normal(size=3) * case.bias
    project_many(truth, sensor, ENV, z)
    z[:, :3] += rng.normal(size=(len(z), 3)) * SIGMAS[:3] + offset
    for k, step in enumerate(case.steps):
        if step:
            z[:, k] = np.round(z[:, k] / step) * step
    values = np.full((len(z), 10), math.nan)
    values[:, :3] = z[:, :3]
    return values


@njit(cache=True, error_model="numpy")
def follow(values, dt_s, first, second, which, env, noise, states, covs):
    """Filter the plots of one round, of two sensors; writes states (m, 7) and covariances (m, 7, 7) as reported."""
    work, x, p = np.empty((4, 7, 7)), np.zeros(7), np.zeros((7, 7))
    z, var, pos, slack = np.empty((1, 5)), np.empty((1, 5)), np.empty((1, 3)), np.empty(1)
    for k in range(3):
        p[k, k], p[3 + k, 3 + k] = 1e10, noise.sigma_speed**2
    kalman.forget_drag(x, p, noise)
    for i in range(len(values)):
        sensor = first if which[i] == 0 else second
        looks.gather_plots(values[i : i + 1], sensor, env, z, var, pos, slack)
        if i == 0:
            x[:3] = pos[0]
        elif i == 1:
            kalman.predict_second(x, p, dt_s, z[0], sensor, env, noise, work)
        else:
            kalman.predict_ballistic(x, p, dt_s, env, noise, work)
        kalman.update_state(x, p, False, False, z[0], var[0], sensor, env, work)
        kalman.copy_state(x, p, states[i], covs[i])
    for s in range(2):
        looks.widen_by_bias(states, covs, which, s, first if s == 0 else second)


def nees_of(case, told, runs, seed):
    """NEES of position and velocity by time since the first plot: {seconds: (n,)}."""
    rng = np.random.default_rng(seed)
    sensors = [sensor_at(at, case, told) for at in ((0.0, 0.0, 10.0), (8e3, 3e3, 30.0))]
    found = {mark: [] for mark in MARKS_S}
    for _ in range(runs):
        truth = draw_truth(rng, case.rate_hz)
        m = np.arange(len(truth))
        which = {"one": 0 * m, "both": m % 2, "handover": (m >= 7 * case.rate_hz).astype(int)}[case.sharing]
        plots = [look(rng, truth, sensor, case) for sensor in sensors]
        values = np.where(which[:, None] == 0, *plots)
        states, covs = np.empty((len(m), 7)), np.empty((len(m), 7, 7))
        follow(values, 1.0 / case.rate_hz, *sensors, which, ENV, NOISE, states, covs)
        for mark in MARKS_S:
            i = mark * case.rate_hz
            if i < len(truth):
                e = (states[i] - truth[i])[:6]
                found[mark].append(float(e @ np.linalg.solve(covs[i, :6, :6], e)))
    return {mark: np.array(values) for mark, values in found.items()}


SMALL, LARGE = (10.0, 1e-3, 1e-3), (15.0, 3e-3, 3e-3)
NOTHING, ROUNDED = Told(), Told(steps=True)
IN_R, REPORTED, BOTH = Told(in_r=True), Told(in_report=True), Told(in_r=True, in_report=True)


def steps_of(sigmas):
    """Steps of so many sigmas in range, azimuth and elevation."""
    return tuple((sigmas * SIGMAS[:3]).tolist())


TABLE = (
    *((f"nothing, {hz} Hz", Case(hz), NOTHING) for hz in (1, 4)),
    *(
        (f"rounded to {n} sigma, {hz} Hz, {word}", Case(hz, steps_of(n)), told)
        for n in (1, 2, 4, 8)
        for hz in (1, 4)
        for word, told in (("not told", NOTHING), ("told", ROUNDED))
    ),
    *(
        (f"offset {bias[0]:g} m {1e3 * bias[1]:g} mrad, {hz} Hz, {word}", Case(hz, bias=bias), told)
        for bias in (SMALL, LARGE)
        for hz in (1, 4)
        for word, told in (("not told", NOTHING), ("in R", IN_R), ("reported", REPORTED))
    ),
    *(
        (
            f"two sensors, {sharing}, offset {bias[0]:g} m {1e3 * bias[1]:g} mrad, {word}",
            Case(2, bias=bias, sharing=sharing),
            told,
        )
        for sharing in ("both", "handover")
        for bias in (SMALL, LARGE)
        for word, told in (("not told", NOTHING), ("reported", REPORTED), ("in R and reported", BOTH))
    ),
)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=250, help="per seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4])
    a = parser.parse_args()
    for name, case, told in TABLE:
        parts = [nees_of(case, told, a.runs, seed) for seed in a.seeds]
        cells = []
        for mark in MARKS_S:
            e = np.concatenate([part[mark] for part in parts])
            cells.append(f"{mark} s {e.mean():6.2f} +- {1.96 * e.std() / math.sqrt(len(e)):4.2f} (n {len(e)})")
        print(f"{name:58s} {'   '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
