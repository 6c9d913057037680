"""Mouth kernels: leaves that begin from one plot, where the rounds of a known salvo come in."""

import math

import numpy as np
from numba import njit

from casemate.kernels.births import begin_leaf, first_seen, judge_entry, start_leaf
from casemate.kernels.kalman import BALLISTIC, Noise
from casemate.kernels.leaves import RUN_ROUND, Ints, Rows, Rule, ln_crowding, remember, weigh
from casemate.kernels.looks import EL, RANGE, Flags, Floats, Sensor
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
            begin_leaf(leaf, base + j, spot["t_ns"])
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
            first_seen(seen[free[n_free]], s, spot["t_ns"])
    return n_free


@njit(cache=True, error_model="numpy")
def find_young(
    leaves: Rows, order: Ints, t_oldest_ns: int, least_hits: int, least_unseen: float, most_var: float, slots: Ints
) -> int:
    """Write the slots of rounds that may show a salvo; returns how many.

    Born at or after `t_oldest_ns`, of at least so many plots, likelier than false, come in over the edge (`ln_unseen`
    above its limit), with a velocity of less variance (all axes) [m2/s2].
    """
    n = 0
    for k in range(order.shape[0]):
        leaf = leaves[order[k]]
        if leaf["n_hit"] < least_hits or leaf["t_birth_ns"] < t_oldest_ns or not leaf["models"] & RUN_ROUND:
            continue
        cov = leaf["cov"][BALLISTIC]
        if cov[3, 3] + cov[4, 4] + cov[5, 5] < most_var and leaf["score"] > 0.0 and leaf["ln_unseen"] > least_unseen:
            slots[n] = order[k]
            n += 1
    return n


@njit(cache=True, error_model="numpy")
def compare_paths(
    state: Floats, others: Floats, most_m: float, most_mps: float, most_s: float, is_same: Flags, way_s: Floats
) -> None:
    """Write which states (n, 9) of position, velocity and acceleration are of one path with others (m, 6 or more).

    `way_s` (n, m) is the time that a state takes to where it passes the other; a parabola will do for so short a way.
    One path: not farther apart there than `most_m`, not more different in velocity than `most_mps`, within `most_s`.
    """
    for i in range(state.shape[0]):
        x = state[i]
        v2 = max(x[3] * x[3] + x[4] * x[4] + x[5] * x[5], 1.0)
        for j in range(others.shape[0]):
            y = others[j]
            u = ((y[0] - x[0]) * x[3] + (y[1] - x[1]) * x[4] + (y[2] - x[2]) * x[5]) / v2
            way_s[i, j] = u
            apart, unlike = 0.0, 0.0
            for k in range(3):
                apart += (y[k] - x[k] - u * (x[3 + k] + 0.5 * u * x[6 + k])) ** 2
                unlike += (y[3 + k] - x[3 + k] - u * x[6 + k]) ** 2
            is_same[i, j] = apart < most_m * most_m and unlike < most_mps * most_mps and abs(u) < most_s


@njit(cache=True, error_model="numpy")
def find_near(
    spots: Rows,
    salvo: Rows,
    least_s: float,
    most_s: float,
    own_m: float,
    spread_mps: float,
    env: Environment,
    near: Flags,
) -> None:
    """Write which plots lie where rounds of a salvo may have been, from `least_s` to `most_s` after they came in.

    Nearer to their path, a parabola from the mouth, than `own_m`, the plot's `slack_m`, and `spread_mps` for each
    second on the way. The nearest point by three of Newton's steps.
    """
    at, vel = salvo["pos"], salvo["vel"]
    acc = acceleration(at[0], at[1], at[2], vel[0], vel[1], vel[2], math.exp(salvo["ln_drag"]), env)
    for j in range(spots.shape[0]):
        pos, u, miss2 = spots[j]["pos"], 0.0, 0.0
        for i in range(4):
            along, speed2, miss2 = 0.0, 0.0, 0.0
            for k in range(3):
                v = vel[k] + u * acc[k]
                miss = pos[k] - at[k] - u * (vel[k] + 0.5 * u * acc[k])
                along, speed2, miss2 = along + miss * v, speed2 + v * v, miss2 + miss * miss
            if i < 3:  # the last time only asks how far it still is
                u = min(max(u + along / speed2, least_s), most_s)
        reach = own_m + spread_mps * abs(u) + spots[j]["slack_m"]
        near[j] = miss2 < reach * reach
