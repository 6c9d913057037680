"""Make scenes of rounds and what one radar sees of them, in the file format of the peers' tracking bench.

The truth is the peers' textbook one: a point mass over a flat Earth, gravity 9.80665 m/s2, drag 0.5 rho(z) v^2 / beta
with rho = 1.225 exp(-z / 9144 m), beta constant in flight, no wind. Written once more here, for all rounds of a scene
at once, so that ten thousand of them are a matter of seconds; `tests/golden/test_salvo_cases.py` holds it to the
peers' own generator. Frame: local ENU in metres, radar at the origin, az = atan2(N, E).
"""

import json
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Scene = dict[str, Any]

GRAVITY_MPS2, RHO0_KGPM3, SCALE_HEIGHT_M = 9.80665, 1.225, 9144.0  # the peers' constants
SIGMA_RANGE_M, SIGMA_AZ_RAD, SIGMA_EL_RAD, SIGMA_RANGE_RATE_MPS = 15.0, 3e-3, 3e-3, 2.0
STEP_S = 0.05
"""Longest integration step of the truth [s]; the peers' own."""


class Radar(NamedTuple):
    """What a radar covers, what it achieves, and what the tracker is told of it."""

    hz: float = 1.0
    p_detection: float = 0.9
    false_plots: int = 10
    p_detection_told: float = 0.9
    false_plots_told: int = 10
    range_m: tuple[float, float] = (500.0, 25e3)
    el_rad: tuple[float, float] = (math.radians(0.5), math.radians(60.0))
    half_width_rad: float = math.radians(60.0)  # of the sector about north

    def covers(self, place: Floats) -> NDArray[np.bool_]:
        """Tell which places (n, 3) the radar looks at."""
        az, el, r = spherical(place)
        off = np.abs((az - math.pi / 2.0 + math.pi) % (2.0 * math.pi) - math.pi)
        inside = (r > self.range_m[0]) & (r < self.range_m[1]) & (el > self.el_rad[0]) & (el < self.el_rad[1])
        return inside & (off <= self.half_width_rad)


class Rounds(NamedTuple):
    """Rounds as they leave the ground: when, state at the mouth, 1e4 / beta."""

    t_launch_s: Floats
    mouth: Floats  # (K, 6)
    s: Floats


def spherical(place: Floats) -> tuple[Floats, Floats, Floats]:
    """Return azimuth, elevation, range of places (..., 3)."""
    r = np.sqrt((place**2).sum(-1))
    return np.arctan2(place[..., 1], place[..., 0]), np.arcsin(place[..., 2] / np.maximum(r, 1e-9)), r


def rate(x: Floats, s: Floats) -> Floats:
    """Return dx/dt of states (n, 6)."""
    v = x[:, 3:]
    k = 0.5e-4 * RHO0_KGPM3 * np.exp(-np.maximum(x[:, 2], -500.0) / SCALE_HEIGHT_M) * s * np.sqrt((v * v).sum(1))
    out = np.concatenate([v, -k[:, None] * v], axis=1)
    out[:, 5] -= GRAVITY_MPS2
    return out


def advance(x: Floats, s: Floats, dt_s: Floats) -> Floats:
    """Fly each state by its own time, RK4 in steps of at most STEP_S."""
    n = max(1, math.ceil(float(dt_s.max(initial=0.0)) / STEP_S - 1e-9))
    h = (dt_s / n)[:, None]
    for _ in range(n):
        a = rate(x, s)
        b = rate(x + 0.5 * h * a, s)
        c = rate(x + 0.5 * h * b, s)
        x = x + h / 6.0 * (a + 2.0 * b + 2.0 * c + rate(x + h * c, s))
    return x


def landings(rounds: Rounds, longest_s: float = 150.0) -> tuple[Floats, Floats]:
    """Return when after launch, and where (K, 2), each round comes down."""
    x, (when, where) = rounds.mouth.copy(), (np.full(len(rounds.s), np.nan), np.full((len(rounds.s), 2), np.nan))
    up = np.arange(len(x))
    for k in range(round(longest_s / STEP_S)):
        old = x[up]
        new = advance(old, rounds.s[up], np.full(len(up), STEP_S))
        down = (new[:, 2] <= 0.0) & (new[:, 5] < 0.0)
        part = old[down, 2] / np.maximum(old[down, 2] - new[down, 2], 1e-9)
        when[up[down]] = (k + part) * STEP_S
        where[up[down]] = old[down, :2] + part[:, None] * (new[down, :2] - old[down, :2])
        x[up] = new
        up = up[~down]
        if len(up) == 0:
            break
    return when, where


def look(radar: Radar, x: Floats, ids: NDArray[np.int64], rng: np.random.Generator) -> dict[str, Any]:
    """Draw the plots of one scan of the rounds in coverage (n, 6), false ones mixed in."""
    met = rng.random(len(ids)) < radar.p_detection
    az, el, r = spherical(x[met, :3])
    n, false = len(az), radar.false_plots
    low, high = radar.el_rad
    columns = {
        "az": (
            az + rng.normal(0.0, SIGMA_AZ_RAD, n),
            math.pi / 2.0 + rng.uniform(-1.0, 1.0, false) * radar.half_width_rad,
        ),
        "el": (el + rng.normal(0.0, SIGMA_EL_RAD, n), np.arcsin(rng.uniform(math.sin(low), math.sin(high), false))),
        "rng": (
            r + rng.normal(0.0, SIGMA_RANGE_M, n),
            np.cbrt(rng.uniform(radar.range_m[0] ** 3, radar.range_m[1] ** 3, false)),
        ),
        "rr": (
            (x[met, :3] * x[met, 3:]).sum(1) / r + rng.normal(0.0, SIGMA_RANGE_RATE_MPS, n),
            rng.uniform(-700.0, 700.0, false),
        ),
        "truth": (ids[met], np.full(false, -1)),
    }
    order = rng.permutation(n + false)
    return {name: np.concatenate(parts)[order] for name, parts in columns.items()}


def scene(rounds: Rounds, radar: Radar, rng: np.random.Generator, dur_s: float = 60.0, **meta: Any) -> Scene:
    """Fly the rounds, look at them scan by scan; returns what the peers' `gen` returns.

    `meta` of a scene says what the tracker is told (`pd`, `L`); how it truly was stands under `true`.
    """
    n_scans = int(dur_s * radar.hz)
    flight_s, where = landings(rounds)
    x, last_s = rounds.mouth.copy(), rounds.t_launch_s.copy()
    plots: dict[str, list[Any]] = {key: [] for key in ("scan", "t", "az", "el", "rng", "rr", "truth")}
    truth: dict[str, list[Any]] = {key: [] for key in ("scan", "id", "pos", "vel", "vis")}
    for k in range(n_scans):
        t_s = k / radar.hz
        up = np.flatnonzero((rounds.t_launch_s <= t_s) & (t_s < rounds.t_launch_s + flight_s))
        x[up] = advance(x[up], rounds.s[up], t_s - last_s[up])
        last_s[up] = t_s
        seen = radar.covers(x[up, :3])
        here = {"scan": np.full(len(up), k), "id": up, "pos": x[up, :3], "vel": x[up, 3:], "vis": seen}
        drawn = look(radar, x[up[seen]], up[seen], rng)
        n = len(drawn["az"])
        for into, rows in ((truth, here), (plots, drawn | {"scan": np.full(n, k), "t": np.full(n, t_s)})):
            for key, column in rows.items():
                into[key].append(column)
    out: Scene = {f"plot_{key}": np.concatenate(parts) for key, parts in plots.items()}
    out |= {f"truth_{key}": np.concatenate(parts) for key, parts in truth.items()}
    out["truth_par"] = np.column_stack([rounds.t_launch_s, rounds.t_launch_s + flight_s, 1e4 / rounds.s, where])
    told = {"K": len(rounds.s), "L": radar.false_plots_told, "hz": radar.hz, "pd": radar.p_detection_told}
    more = {"nscan": n_scans, "dur": dur_s, "rr": False, "true": {"pd": radar.p_detection, "L": radar.false_plots}}
    sigmas = [SIGMA_RANGE_M, SIGMA_AZ_RAD, SIGMA_EL_RAD, SIGMA_RANGE_RATE_MPS]
    out["meta"] = json.dumps(told | more | {"sig": sigmas, "salvo": 0.0, "seed": 0} | meta)
    return out
