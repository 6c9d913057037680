"""Plain twins of `casemate.kernels.tracks`: one pair; updates and reports are loops over the twins of a state."""

import math

import naive_kalman as naive
import naive_looks
import numpy as np


def pair(tracks, i, t, z, var, sensor, env, noise):
    """Return whether the pair is inside the gate, and its log-likelihood ratio."""
    parts, near = [], False
    for m in (naive.B, naive.L) if tracks.has_round[i] else (naive.L,):
        dt = t - tracks.t_s[i]
        if m == naive.B:
            x, p = naive.predict_ballistic(tracks.x[i, m], tracks.cov[i, m], dt, env, noise)
        else:
            x, p = naive.predict_level(tracks.x[i, m], tracks.cov[i, m], dt, tracks.has_height[i], noise)
        zhat, h = naive_looks.project(x, m == naive.L, sensor, env)
        ln, d2, used = naive.likelihood(z, var, zhat, h @ p @ h.T)
        near |= d2 <= 16.0 + 2.0 * (used - 3)
        parts.append(ln)
    weight = 1.0 / (1.0 + math.exp(-tracks.ln_odds[i]))
    mix = parts[0] if len(parts) == 1 else np.logaddexp(math.log(weight) + parts[0], math.log(1.0 - weight) + parts[1])
    area = sensor.density_2d if math.isnan(z[2]) else sensor.density_3d * z[0] ** 2 * math.cos(z[2])
    area /= (1.0 if math.isnan(z[3]) else 1400.0) * (1.0 if math.isnan(z[4]) else 15_000.0)
    return near, math.log(sensor.p_detection) + mix - math.log(area)
