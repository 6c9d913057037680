"""Growth kernels: children of leaves by the plots of a scan, misses, age, and what the outside sees of the chosen."""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.kernels.ballistic import coast
from casemate.kernels.births import ENTRY_HITS, judge_entry
from casemate.kernels.grid import build_grid, find_near
from casemate.kernels.kalman import (
    BALLISTIC,
    LEVEL,
    Noise,
    copy_state,
    least_distance,
    level_to_enu,
    predict_ballistic,
    predict_level,
)
from casemate.kernels.leaves import (
    GATE_D2,
    MOST_CHILDREN,
    PUSH_Q,
    RUN_OTHER,
    RUN_ROUND,
    Ints,
    Rows,
    Rule,
    hit_leaf,
    is_round,
    may_burn,
    predict_leaf,
    remember,
    weigh,
)
from casemate.kernels.looks import EL, Flags, Floats, Sensor
from casemate.kernels.motion import Environment, acceleration

NS = 1e9
NEVER_NS = -(2**62)
TENTATIVE, CONFIRMED, COASTING, DROPPED = 0, 1, 2, 3
LOOK_STEP_S = 0.5  # of midpoint steps: to a metre, enough to tell what a sweep could see
PASSED, IS_OUT, IS_BLIND = 1, 2, 4
"""Bits of the codes that `looks.watch_tracks` writes."""


@njit(cache=True, error_model="numpy")
def extend_leaves(
    leaves: Rows,
    seen: Ints,
    order: Ints,
    start: int,
    free: Ints,
    n_free: int,
    spots: Rows,
    base: int,
    first: int,
    rule: Rule,
    sensor: Sensor,
    env: Environment,
    noise: Noise,
) -> tuple[int, int]:
    """Give each leaf order[start:] a child for every plot in its gate, of the rows of `spots` from `first` on.

    Returns where it stopped for want of slots (the length of `order` if it did not) and how many of `free` are left.
    """
    x, p = np.empty((2, 7)), np.empty((2, 7, 7))
    work, s = np.empty((4, 7, 7)), rule.i_sensor
    near = np.empty(spots.shape[0] - first, np.int64)
    for j in range(first, spots.shape[0]):
        near[j - first] = j
    grid = build_grid(spots, near)
    t_mid_ns, t_half = _middle(spots, first)
    for k in range(start, order.shape[0]):
        if n_free < MOST_CHILDREN:
            return k, n_free
        leaf = leaves[order[k]]
        # half a turn after that sensor's last hit, and not more than a turn before the last hit by any
        again_ns = max(seen[order[k], 2 * s] + rule.period_ns // 2, leaf["t_ns"] - rule.period_ns)
        lead = BALLISTIC if is_round(leaf) else LEVEL
        y, c = leaf["x"][lead], leaf["cov"][lead]
        a0, a1, a2, u, vu = 0.0, 0.0, 0.0, y[2], y[5]
        if lead == BALLISTIC:
            a0, a1, a2 = acceleration(y[0], y[1], y[2], y[3], y[4], y[5], math.exp(y[6]), env)
        else:
            u -= (y[0] * y[0] + y[1] * y[1]) / (2.0 * env.earth_radius_m)
            vu -= (y[0] * y[3] + y[1] * y[4]) / env.earth_radius_m
        sigma_p, sigma_v = math.sqrt(c[0, 0] + c[1, 1] + c[2, 2]), math.sqrt(c[3, 3] + c[4, 4] + c[5, 5])
        ready_ns, n_children, dt = NEVER_NS, 0, (t_mid_ns - leaf["t_ns"]) / NS
        e, n, up = y[0] + dt * (y[3] + 0.5 * dt * a0), y[1] + dt * (y[4] + 0.5 * dt * a1), u + dt * (vu + 0.5 * dt * a2)
        sway = math.sqrt(y[3] * y[3] + y[4] * y[4] + vu * vu) * t_half
        wide = 4.5 * (sigma_p + sigma_v * (abs(dt) + t_half)) + grid.slack_m + 20.0 * (abs(dt) + t_half) ** 2 + sway
        burns, born_ns = may_burn(leaf), leaf["t_birth_ns"]
        if burns:
            wide += _pushed_m((t_mid_ns - born_ns) / NS + t_half)
        n_near = find_near(grid, e, n, up, wide, near)
        for m in range(n_near):
            j = near[m]
            spot = spots[j]
            dt_ns = spot["t_ns"] - leaf["t_ns"]
            if spot["t_ns"] < again_ns or n_children == MOST_CHILDREN:
                continue
            dt, at = dt_ns / NS, spot["pos"]
            d0 = y[0] + dt * (y[3] + 0.5 * dt * a0) - at[0]
            d1 = y[1] + dt * (y[4] + 0.5 * dt * a1) - at[1]
            d2 = u + dt * (vu + 0.5 * dt * a2) - at[2]
            reach = 4.5 * (sigma_p + sigma_v * abs(dt)) + spot["slack_m"] + 20.0 * dt * dt
            push_s = (spot["t_ns"] - born_ns) / NS if burns and dt > 0.0 else 0.0
            reach += _pushed_m(push_s)
            if d0 * d0 + d1 * d1 + d2 * d2 > reach * reach:
                continue
            if dt_ns != ready_ns:
                ready_ns = dt_ns
                predict_leaf(leaf, dt, env, noise, x, p, work)
            push_s = 0.0 if leaf["is_pushed"] else push_s
            if n_near > 1 and not may_hit(leaf, x, p, spot["z"], spot["var"], sensor, env, push_s, work):
                continue
            slot = free[n_free - 1]
            leaves[slot] = leaf
            child = leaves[slot]
            if hit_leaf(child, x, p, spot["z"], spot["var"], sensor, env, noise, push_s, work):
                _settle_hit(child, base + j, spot["t_ns"], rule, sensor, env, noise)
                _pass_on(seen[order[k]], seen[slot], s, spot["t_ns"])
                n_free -= 1
                n_children += 1
    return order.shape[0], n_free


@njit(cache=True, error_model="numpy")
def may_hit(
    leaf: Rows,
    x: Floats,
    p: Floats,
    z: Floats,
    var: Floats,
    sensor: Sensor,
    env: Environment,
    push_s: float,
    work: Floats,
) -> bool:
    """Tell whether a plot may be in the gate of a leaf that is predicted in x (2, 7) and p (2, 7, 7).

    False where range, azimuth and elevation are beyond it in every model that runs: the squared distance of all
    elements is never less than that of some. A fraction of the work of `hit_leaf`, for most plots of a crowd.
    """
    used = 0
    for k in range(5):
        used += 0 if math.isnan(z[k]) else 1
    gate = GATE_D2 + 2.0 * (used - 3)
    if leaf["models"] & RUN_ROUND:
        y, q = x[BALLISTIC], p[BALLISTIC]
        if least_distance(y, q, 0.0, False, z, var, sensor, env, work) < gate:
            return True
        if push_s > 0.0 and least_distance(y, q, PUSH_Q * push_s**3 / 3.0, False, z, var, sensor, env, work) < gate:
            return True
    if leaf["models"] & RUN_OTHER:
        # a height that is held is no part of the update, so its distance is not that of the elements together
        is_free = leaf["has_height"] or not math.isnan(z[EL])
        return not is_free or least_distance(x[LEVEL], p[LEVEL], 0.0, True, z, var, sensor, env, work) < gate
    return False


@njit(cache=True, error_model="numpy")
def _pushed_m(push_s: float) -> float:
    # how far off a motor may have pushed [m], 4.5 sigma of one axis
    return 4.5 * math.sqrt(PUSH_Q * max(push_s, 0.0) ** 3 / 3.0)


@njit(cache=True, error_model="numpy")
def _middle(spots: Rows, first: int) -> tuple[int, float]:
    # middle of the times of the rows from `first` on, and half their span [s]
    t_low_ns, t_high_ns = spots[first]["t_ns"], spots[first]["t_ns"]
    for j in range(first, spots.shape[0]):
        t_low_ns, t_high_ns = min(t_low_ns, spots[j]["t_ns"]), max(t_high_ns, spots[j]["t_ns"])
    return t_low_ns + (t_high_ns - t_low_ns) // 2, 0.5 * (t_high_ns - t_low_ns) / NS


@njit(cache=True, error_model="numpy")
def _pass_on(chances: Ints, own: Ints, s: int, t_ns: int) -> None:
    # a child was seen when its parent was, and now
    for i in range(own.shape[0]):
        own[i] = chances[i]
    own[2 * s], own[2 * s + 1] = t_ns, t_ns


@njit(cache=True, error_model="numpy")
def _settle_hit(
    child: Rows, serial: int, t_ns: int, rule: Rule, sensor: Sensor, env: Environment, noise: Noise
) -> None:
    # the ledger of a leaf whose states were updated by a plot
    child["t_ns"] = t_ns
    if child["models"] & RUN_ROUND and child["n_hit"] < ENTRY_HITS:
        judge_entry(child, sensor, env, noise, rule)
    weigh(child, noise.odds_limit)
    remember(child, serial, t_ns, rule.i_sensor)
    if child["status"] == COASTING:
        child["status"] = CONFIRMED


@njit(cache=True, error_model="numpy")
def look_ahead(leaves: Rows, order: Ints, t_ns: int, oldest_ns: int, env: Environment, state: Floats) -> None:
    """Write where each leaf is believed to be at t_ns (n, 7), ENU; never more than `oldest_ns` after its last hit."""
    for k in range(order.shape[0]):
        leaf, y = leaves[order[k]], state[k]
        dt = min(t_ns - leaf["t_ns"], oldest_ns) / NS
        if is_round(leaf):
            x = leaf["x"][BALLISTIC]
            for i in range(7):
                y[i] = x[i]
            if dt != 0.0:
                coast(y, math.exp(y[6]), dt, LOOK_STEP_S, env)
        else:
            x = leaf["x"][LEVEL]
            for i in range(7):
                y[i] = x[i]
            for i in range(3):
                y[i] += dt * x[3 + i]
            y[5] -= (y[0] * y[3] + y[1] * y[4]) / env.earth_radius_m
            y[2] -= (y[0] * y[0] + y[1] * y[1]) / (2.0 * env.earth_radius_m)


@njit(cache=True, error_model="numpy")
def count_misses(
    leaves: Rows,
    seen: Ints,
    order: Ints,
    codes: NDArray[np.uint8],
    is_kept: Flags,
    s: int,
    t_end_ns: int,
    due_ns: float,
    turn_ns: int,
    ln_miss: float,
) -> None:
    """Count a miss of sensor `s` for each leaf that its sweep passed and did not hit; drop those out of its coverage.

    A leaf is due `due_ns` after its last chance. A miss is a chance: at the end of the sweep or, where `turn_ns` is
    not 0, so long after the chance before. `codes` are those of `looks.watch_tracks`; `is_kept` (another sensor sees
    it) keeps a leaf that left the coverage.
    """
    for k in range(order.shape[0]):
        leaf, row = leaves[order[k]], seen[order[k]]
        if leaf["is_fresh"] or t_end_ns - row[2 * s + 1] < due_ns:
            continue
        if codes[k] & IS_OUT:
            if not is_kept[k]:
                leaf["status"], leaf["is_touched"] = DROPPED, True
        elif codes[k] & PASSED and not codes[k] & IS_BLIND:
            leaf["n_miss"] += 1
            leaf["ln_round"] += ln_miss
            leaf["ln_other"] += ln_miss
            leaf["score"] += ln_miss
            leaf["miss_score"] += ln_miss
            leaf["is_touched"] = True
            row[2 * s + 1] = row[2 * s + 1] + turn_ns if turn_ns else t_end_ns


@njit(cache=True, error_model="numpy")
def age_leaves(
    leaves: Rows,
    order: Ints,
    state: Floats,
    t_ns: int,
    quiet_ns: Floats,
    worst: Floats,
    patience_ns: Floats,
    lowest_m: float,
    radius_m: float,
) -> None:
    """Let confirmed leaves coast that were not seen lately; drop those missed too often, for too long, or down.

    `worst` (2,) is the least score of misses and `patience_ns` (2, sensors) the longest silence, of young leaves and
    of confirmed ones; `quiet_ns` (sensors) is a silence that makes coast. A round that is predicted under `lowest_m`,
    on an Earth of `radius_m`, has landed.
    """
    for k in range(order.shape[0]):
        leaf = leaves[order[k]]
        s, since_ns, before = leaf["i_sensor"], t_ns - leaf["t_ns"], leaf["status"]
        is_firm = leaf["status"] == CONFIRMED or leaf["status"] == COASTING
        is_silent = leaf["n_miss"] > 0 or since_ns > quiet_ns[s]
        kind = 1 if is_firm else 0
        is_over = leaf["miss_score"] <= worst[kind] or since_ns > patience_ns[kind, s]
        if is_silent and is_round(leaf):
            east, north = state[k, 0], state[k, 1]
            is_over = is_over or state[k, 2] + (east * east + north * north) / (2.0 * radius_m) < lowest_m
        if is_firm and is_silent:
            leaf["status"] = COASTING
        if is_over:
            leaf["status"] = DROPPED
        leaf["is_touched"] = leaf["is_touched"] or leaf["status"] != before


@njit(cache=True, error_model="numpy")
def report_leaves(
    leaves: Rows, slots: Ints, t_ns: int, oldest_ns: int, ln_exists: float, env: Environment, noise: Noise, rows: Rows
) -> None:
    """Write a TRACK row for each leaf: at its last hit where that is of this step, else predicted to t_ns.

    In the likelier motion model, ENU. `ln_exists` is what the score lacks to be ln of the odds that it exists.
    """
    work, x, p = np.empty((4, 7, 7)), np.empty(7), np.empty((7, 7))
    for k in range(slots.shape[0]):
        leaf, row = leaves[slots[k]], rows[k]
        at_ns = leaf["t_ns"] if leaf["is_fresh"] else t_ns
        dt = min(at_ns - leaf["t_ns"], oldest_ns) / NS
        y, q = row["state"], row["cov"]
        is_ballistic = is_round(leaf)
        if is_ballistic:
            copy_state(leaf["x"][BALLISTIC], leaf["cov"][BALLISTIC], y, q)
            if dt != 0.0:
                predict_ballistic(y, q, dt, env, noise, work)
        else:
            copy_state(leaf["x"][LEVEL], leaf["cov"][LEVEL], x, p)
            if dt != 0.0:
                predict_level(x, p, dt, bool(leaf["has_height"]), noise)
            level_to_enu(x, p, env, y, q, work)
        if not leaf["has_height"]:
            y[2] = math.nan
        row["track_id"], row["status"], row["t_ns"] = leaf["label"], leaf["status"], at_ns
        row["motion"] = 0 if is_ballistic else 1
        row["is_height_known"] = leaf["has_height"]
        row["n_hit"], row["n_miss"] = min(leaf["n_hit"], 65_535), min(leaf["n_miss"], 65_535)
        row["llr"], row["nis"] = leaf["score"], leaf["nis"]
        row["p_exists"] = 1.0 / (1.0 + math.exp(-min(max(leaf["score"] + ln_exists, -500.0), 500.0)))
        odds = leaf["ln_round"] + leaf["ln_entry"] - leaf["ln_other"]
        share = 1.0 / (1.0 + math.exp(-min(max(odds, -500.0), 500.0)))
        row["p_ballistic"] = share if leaf["models"] & RUN_ROUND else 0.0
