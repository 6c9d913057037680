"""Mouth kernels: leaves that begin from one plot, where the rounds of a known salvo come in."""

import math

import numpy as np
from numba import njit

from casemate.kernels.births import judge_entry, start_leaf
from casemate.kernels.kalman import BALLISTIC, Noise
from casemate.kernels.leaves import Ints, Rows, Rule, ln_crowding, remember, weigh
from casemate.kernels.looks import EL, RANGE, Floats, Sensor
from casemate.kernels.motion import Environment, acceleration

NS = 1e9
MOUTH_SIGMA_M = 30.0  # 1 sigma of first plots about the path of a salvo, each way: its mounts stand so far apart [A]
MOUTH_LN_DRAG = 0.4  # 1 sigma of ln K within a salvo: one type of round, and the template's own error


@njit(cache=True, error_model="numpy")
def _ln_offset(spot: Rows, cov: Floats, at: Floats, vel: Floats) -> tuple[float, float]:
    # ln N2 of a plot's offset from a path across its direction, and the time from the template's place to there [s]
    v2 = vel[0] * vel[0] + vel[1] * vel[1] + vel[2] * vel[2]
    speed, pos = math.sqrt(v2), spot["pos"]
    d0, d1, d2 = pos[0] - at[0], pos[1] - at[1], pos[2] - at[2]
    u = (d0 * vel[0] + d1 * vel[1] + d2 * vel[2]) / v2
    flat = math.sqrt(vel[0] * vel[0] + vel[1] * vel[1]) + 1e-9
    a0, a1 = vel[1] / flat, -vel[0] / flat  # level, to the right
    b0, b1, b2 = -vel[0] * vel[2] / (flat * speed), -vel[1] * vel[2] / (flat * speed), flat / speed  # across, upwards
    p, q = a0 * d0 + a1 * d1, b0 * d0 + b1 * d1 + b2 * (d2 + 4.903 * u * u)
    own = MOUTH_SIGMA_M * MOUTH_SIGMA_M
    paa = a0 * (a0 * cov[0, 0] + a1 * cov[0, 1]) + a1 * (a0 * cov[1, 0] + a1 * cov[1, 1]) + own
    pab, pbb = 0.0, own
    for i in range(3):
        bi = b0 if i == 0 else (b1 if i == 1 else b2)
        pab += bi * (a0 * cov[i, 0] + a1 * cov[i, 1])
        pbb += bi * (b0 * cov[i, 0] + b1 * cov[i, 1] + b2 * cov[i, 2])
    det = paa * pbb - pab * pab
    d2_ = (pbb * p * p - 2.0 * pab * p * q + paa * q * q) / det
    return -0.5 * (d2_ + math.log(det)) - math.log(2.0 * math.pi), u


@njit(cache=True, error_model="numpy")
def begin_at_mouth(
    leaves: Rows,
    seen: Ints,
    free: Ints,
    n_free: int,
    spots: Rows,
    base: int,
    first: int,
    salvos: Rows,
    sigma_mps: float,
    rule: Rule,
    sensor: Sensor,
    env: Environment,
    noise: Noise,
) -> int:
    """Begin a leaf at each plot from row `first` on that lies where rounds of a known salvo come in.

    Its velocity is that of the salvo there, to `sigma_mps` each way. Slots come off the end of `free`; returns how many
    are left of them.
    """
    work, s = np.empty((4, 7, 7)), rule.i_sensor
    for j in range(first, spots.shape[0]):
        spot = spots[j]
        if spot["t_ns"] < 0 or math.isnan(spot["z"][EL]):
            continue
        for m in range(salvos.shape[0]):
            at, vel = salvos[m]["pos"], salvos[m]["vel"]
            d2 = (spot["pos"][0] - at[0]) ** 2 + (spot["pos"][1] - at[1]) ** 2 + (spot["pos"][2] - at[2]) ** 2
            speed = math.sqrt(vel[0] * vel[0] + vel[1] * vel[1] + vel[2] * vel[2])
            reach = 3.0 * speed * rule.period_ns / NS + spot["slack_m"] + 4.5 * MOUTH_SIGMA_M
            if d2 > reach * reach or n_free == 0:
                continue
            leaf = leaves[free[n_free - 1]]
            start_leaf(leaf, spot["z"], spot["var"], sensor, env, noise, work)
            x, p = leaf["x"][BALLISTIC], leaf["cov"][BALLISTIC]
            ln, u = _ln_offset(spot, p, at, vel)
            a0, a1, a2 = acceleration(at[0], at[1], at[2], vel[0], vel[1], vel[2], math.exp(salvos[m]["ln_drag"]), env)
            x[3], x[4], x[5] = vel[0] + u * a0, vel[1] + u * a1, vel[2] + u * a2
            x[6] = salvos[m]["ln_drag"]
            for i in range(3, 7):
                for k in range(7):
                    p[i, k], p[k, i] = 0.0, 0.0
                p[i, i] = sigma_mps * sigma_mps
            p[6, 6] = MOUTH_LN_DRAG * MOUTH_LN_DRAG
            leaf["tree"], leaf["label"], leaf["t_birth_ns"] = base + j + 1, 0, spot["t_ns"]
            leaf["n_hit"], leaf["n_plots"], leaf["past"], leaf["has_past"] = 0, 0, 0.0, False
            leaf["status"], leaf["is_chosen"], leaf["nis"] = 0, False, math.nan
            leaf["salvo"], leaf["t_ns"] = salvos[m]["serial"], spot["t_ns"]
            judge_entry(leaf, sensor, env, noise, rule)
            # half a round a scan, somewhere in the first scan's way, against the density of false plots there
            ln += math.log(0.5 / (speed * rule.period_ns / NS)) - math.log(sensor.density_3d)
            ln -= ln_crowding(spot["z"][RANGE], sensor)
            leaf["ln_round"] = ln
            leaf["ln_other"] = rule.ln_birth_other
            weigh(leaf, noise.odds_limit)
            if leaf["score"] < rule.least_score:
                continue
            remember(leaf, base + j, spot["t_ns"], s)
            n_free -= 1
            row = seen[free[n_free]]
            for k in range(row.shape[0]):
                row[k] = 0
            row[2 * s], row[2 * s + 1] = spot["t_ns"], spot["t_ns"]
    return n_free
