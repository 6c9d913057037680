"""The posterior Cramer-Rao bound of a scene, all rounds at once: what the best of filters reaches on average.

The peers' `bound` (no process noise, seven states, information of each scan scaled by Pd), whose minutes a scene are
seconds here; `tests/golden/test_salvo_cases.py` holds it to theirs. Tichavsky, Muravchik, Nehorai, "Posterior
Cramer-Rao bounds for discrete-time nonlinear filtering", IEEE Trans. Signal Processing 46(5), 1998, eq. 21.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from radar_scenes import SIGMA_AZ_RAD, SIGMA_EL_RAD, SIGMA_RANGE_M, Floats, Rounds, advance, landings, spherical

STEPS = np.array([1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 1e-3])
"""Half-widths of the central differences, m, m/s and 1e4 m2/kg: the peers'."""
PRIOR = np.diag([0.0, 0.0, 0.0, 1 / 250.0**2, 1 / 250.0**2, 1 / 250.0**2, 1.0])
"""Information before the first plot: the peers' prior of velocity (m/s) and drag."""


def jacobians(f: Callable[[Floats], Floats], x: Floats) -> Floats:
    """Return df/dx of f: (n, 7) -> (n, m), by central differences, as (n, m, 7)."""
    both = np.concatenate([x[:, None] + np.diag(STEPS), x[:, None] - np.diag(STEPS)], axis=1)  # (n, 14, 7)
    values = f(both.reshape(-1, 7)).reshape(len(x), 14, -1)
    return ((values[:, :7] - values[:, 7:]) / (2.0 * STEPS[:, None])).transpose(0, 2, 1)


def flown(dt_s: float) -> Callable[[Floats], Floats]:
    """Return the map of a state (n, 7) over dt."""
    return lambda x: np.column_stack([advance(x[:, :6], x[:, 6], np.full(len(x), dt_s)), x[:, 6]])


def measured(x: Floats) -> Floats:
    """Return azimuth, elevation, range."""
    return np.column_stack(spherical(x[:, :3]))


def impact(x: Floats) -> Floats:
    """Return where a state comes down."""
    return landings(Rounds(np.zeros(len(x)), x[:, :6].copy(), x[:, 6]))[1]


def bound(scene: dict[str, Any]) -> dict[str, float]:
    """Return RMS position [m] and velocity [m/s] from 5 s after the first look, and median impact miss [m]."""
    meta = json.loads(str(scene["meta"]))
    hz, pd, par = meta["hz"], meta["pd"], scene["truth_par"]
    weight = np.diag([SIGMA_AZ_RAD**-2, SIGMA_EL_RAD**-2, SIGMA_RANGE_M**-2])
    info, n = np.tile(PRIOR, (meta["K"], 1, 1)), np.zeros(meta["K"], int)
    last_scan, last = np.zeros(meta["K"], int), np.zeros((meta["K"], 7))
    looks = np.bincount(scene["truth_id"], scene["truth_vis"], minlength=meta["K"])
    place, velocity, miss = [], [], {20: [], 10: []}
    for k in range(meta["nscan"]):
        rows = np.flatnonzero((scene["truth_scan"] == k) & scene["truth_vis"])
        i = scene["truth_id"][rows]
        rows, i = rows[looks[i] >= 3], i[looks[i] >= 3]  # as the peers: a round seen thrice counts
        if len(i) == 0:
            continue
        x = np.column_stack([scene["truth_pos"][rows], scene["truth_vel"][rows], 1e4 / par[i, 2]])
        for gap in np.unique(k - last_scan[i[n[i] > 0]]):
            old = i[(n[i] > 0) & (k - last_scan[i] == gap)]
            F = jacobians(flown(gap / hz), last[old])
            info[old] = np.linalg.inv(F @ np.linalg.inv(info[old]) @ F.transpose(0, 2, 1))
        H = jacobians(measured, x)
        info[i] += np.where(n[i] == 0, 1.0, pd)[:, None, None] * (H.transpose(0, 2, 1) @ weight @ H)
        last_scan[i], last[i] = k, x
        n[i] += 1
        late = i[n[i] >= 5 * max(1, hz)]
        cov = np.linalg.inv(info[late])
        place.append(np.trace(cov[:, :3, :3], axis1=1, axis2=2))
        velocity.append(np.trace(cov[:, 3:6, 3:6], axis1=1, axis2=2))
        for to_go, found in miss.items():
            due = (np.abs(par[i, 1] - k / hz - to_go) <= 0.5 / hz) & (n[i] >= 3)
            if due.any():
                A = jacobians(impact, x[due])
                spread = A @ np.linalg.inv(info[i[due]]) @ A.transpose(0, 2, 1)
                found.append(np.sqrt(np.trace(spread, axis1=1, axis2=2)))
    out = {"pos_rms": np.sqrt(np.mean(np.concatenate(place))), "vel_rms": np.sqrt(np.mean(np.concatenate(velocity)))}
    out |= {f"ipp_med_{to_go}s": np.median(np.concatenate(found)) for to_go, found in miss.items() if found}
    return {key: float(value) for key, value in out.items()}
