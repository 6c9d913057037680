"""Plain twins of `casemate.kernels.growth`: leaves one by one, as objects of `naive_leaves`."""

import math

import naive_ballistic
import naive_births
import naive_kalman
import naive_leaves
import naive_looks
import numpy as np
from naive_leaves import B, L, is_round

from casemate.kernels.motion import acceleration

NS = 1e9
TENTATIVE, CONFIRMED, COASTING, DROPPED = range(4)


def enu_of(leaf, env):
    """Return state, covariance and acceleration in ENU, of the likelier model; the covariance is the model's own."""
    x, p = leaf.states[B if is_round(leaf) else L]
    if is_round(leaf):
        return x, p, np.array(acceleration(*x[:6], math.exp(x[6]), env))
    return naive_looks.to_enu(x, env)[0], p, np.zeros(3)


def may_hit(leaf, ahead, z, var, sensor, env, push_s=0.0):
    """Tell whether some model that runs has range, azimuth and elevation inside the gate."""
    gate = naive_leaves.GATE_D2 + 2.0 * (np.sum(~np.isnan(z)) - 3)
    extra_m2 = naive_leaves.PUSH_Q * push_s**3 / 3.0

    def is_near(m, extra_m2):
        return naive_kalman.least_distance(*ahead[m], extra_m2, m == L, z, var, sensor, env) < gate

    is_held = not leaf.has_height and math.isnan(z[2])
    return any(is_near(B, 0.0) or is_near(B, extra_m2) if m == B else is_held or is_near(L, 0.0) for m in ahead)


def extend_leaves(leaves, seen, spots, base, first, rule, sensor, env, noise):
    """Return the children by leaf and plot, however many a leaf has."""
    found = {}
    for k, leaf in enumerate(leaves):
        y, c, a = enu_of(leaf, env)
        again_ns = max(seen[k, 2 * rule.i_sensor] + rule.period_ns // 2, leaf.t_ns - rule.period_ns)
        sigma_p, sigma_v = math.sqrt(np.trace(c[:3, :3])), math.sqrt(np.trace(c[3:6, 3:6]))
        for j in range(first, len(spots)):
            spot = spots[j]
            if spot["t_ns"] < again_ns:
                continue
            dt = (spot["t_ns"] - leaf.t_ns) / NS
            off = y[:3] + dt * (y[3:6] + 0.5 * dt * a) - spot["pos"]
            push_s = (spot["t_ns"] - leaf.t_birth_ns) / NS if naive_leaves.may_burn(leaf) and dt > 0.0 else 0.0
            far_m = 4.5 * (sigma_p + sigma_v * abs(dt) + math.sqrt(naive_leaves.PUSH_Q * push_s**3 / 3.0))
            if np.linalg.norm(off) > far_m + spot["slack_m"] + 20.0 * dt * dt:
                continue
            push_s = 0.0 if leaf.is_pushed else push_s
            ahead = naive_leaves.predict_leaf(leaf, dt, env, noise)
            child = naive_leaves.hit_leaf(leaf, ahead, spot["z"], spot["var"], sensor, env, noise, push_s)
            if child is None:
                continue
            if B in child.states and child.n_hit < 5:
                times_ns, is_of_salvo = (int(spot["t_ns"]), child.t_birth_ns), child.salvo > 0
                child.ln_entry, child.ln_unseen = naive_births.judge_entry(
                    child.states, *times_ns, is_of_salvo, sensor, env, noise, rule
                )
            naive_leaves.weigh(child, noise.odds_limit)
            naive_leaves.remember(child, base + j, int(spot["t_ns"]), rule.i_sensor)
            child.status = CONFIRMED if child.status == COASTING else child.status
            found[k, j] = child
    return found


def look_ahead(leaves, t_ns, oldest_ns, env):
    """Return places and speeds (n, 7) at a time."""
    out = []
    for leaf in leaves:
        dt = min(t_ns - leaf.t_ns, oldest_ns) / NS
        x = leaf.states[B if is_round(leaf) else L][0].copy()
        if not is_round(leaf):
            x[:3] += dt * x[3:6]
            x = naive_looks.to_enu(x, env)[0]
        elif dt:
            x = naive_ballistic.coast(x, dt, 0.5, env)
        out.append(x)
    return np.array(out)


def count_misses(leaves, chances, codes, is_kept, t_end_ns, due_ns, turn_ns, ln_miss):
    """Change leaves and `chances`, the last time at which this sensor could have hit each."""
    for k, leaf in enumerate(leaves):
        if leaf.is_fresh or t_end_ns - chances[k] < due_ns:
            continue
        has_passed, is_out, is_blind = (bool(codes[k] >> bit & 1) for bit in range(3))
        if is_out and not is_kept[k]:
            leaf.status, leaf.is_touched = DROPPED, True
        if not is_out and has_passed and not is_blind:
            leaf.n_miss += 1
            for name in ("ln_round", "ln_other", "score", "miss_score"):
                setattr(leaf, name, getattr(leaf, name) + ln_miss)
            leaf.is_touched = True
            chances[k] = chances[k] + turn_ns if turn_ns else t_end_ns


def age_leaves(leaves, state, t_ns, quiet_ns, worst, patience_ns, lowest_m, radius_m):
    """Change status and mark."""
    for leaf, y in zip(leaves, state, strict=True):
        before, since_ns = leaf.status, t_ns - leaf.t_ns
        is_firm = before in {CONFIRMED, COASTING}
        is_silent = leaf.n_miss > 0 or since_ns > quiet_ns[leaf.i_sensor]
        is_down = is_round(leaf) and is_silent and y[2] + (y[0] ** 2 + y[1] ** 2) / (2.0 * radius_m) < lowest_m
        if is_down or leaf.miss_score <= worst[int(is_firm)] or since_ns > patience_ns[int(is_firm), leaf.i_sensor]:
            leaf.status = DROPPED
        elif is_firm and is_silent:
            leaf.status = COASTING
        leaf.is_touched |= leaf.status != before


def share(ln_odds):
    """Return the probability of odds."""
    return 1.0 / (1.0 + math.exp(-np.clip(ln_odds, -500.0, 500.0)))


def report_leaf(leaf, t_ns, oldest_ns, ln_exists, env, noise):
    """Return the fields of a TRACK row by name."""
    at_ns = leaf.t_ns if leaf.is_fresh else t_ns
    dt = min(at_ns - leaf.t_ns, oldest_ns) / NS
    if is_round(leaf):
        x, p = leaf.states[B]
        x, p = naive_ballistic.predict_ballistic(x, p, dt, env, noise) if dt else (x, p)
    else:
        x, p = naive_kalman.predict_level(*leaf.states[L], dt, leaf.has_height, noise) if dt else leaf.states[L]
        x, jacobian = naive_looks.to_enu(x, env)
        p = jacobian @ p @ jacobian.T
    x = x.copy()
    x[2] = x[2] if leaf.has_height else math.nan
    return {
        "track_id": leaf.label,
        "status": leaf.status,
        "motion": 0 if is_round(leaf) else 1,
        "is_height_known": leaf.has_height,
        "t_ns": at_ns,
        "state": x,
        "cov": p,
        "n_hit": min(leaf.n_hit, 65_535),
        "n_miss": min(leaf.n_miss, 65_535),
        "llr": leaf.score,
        "nis": leaf.nis,
        "p_exists": share(leaf.score + ln_exists),
        "p_ballistic": share(naive_leaves.odds(leaf)) if B in leaf.states else 0.0,
    }
