"""Plain twins of `casemate.kernels.births`: leaves that begin, one pair at a time."""

import math
from types import SimpleNamespace

import naive_ballistic
import naive_kalman
import naive_leaves
import numpy as np
from naive_leaves import B, L
from scipy.stats import norm

from casemate.kernels.motion import height_over_site

NS = 1e9
SLOWEST, FASTEST, SLOPE, OTHER = 60.0, 900.0, 40.0, 350.0


def chance(at, sigma_m, sensor):
    """Return the chance that a place, so uncertain upwards, is covered; elevations by their sines."""
    e, n, u = sensor.rotation @ (at - sensor.position)
    reach = math.hypot(e, n, u)
    sine = u / reach
    near, far, az_from, width, low, high = sensor.edges
    is_inside = near <= reach <= far
    if width < 2.0 * math.pi - 1e-9:
        is_inside &= (math.atan2(e, n) - az_from) % (2.0 * math.pi) <= width
    if not sensor.has_elevation:
        return float(is_inside)
    if not is_inside or sine > math.sin(high):
        return 0.0
    behind = (low - sine) / math.hypot(sensor.sigmas[2], sigma_m / reach)
    return norm.sf(behind) if behind >= -4.0 else 1.0


def could_be_seen(k, t_ns, rule):
    """Tell whether the sensor scanned already k turns before."""
    return t_ns - k * rule.period_ns >= rule.t_first_ns - rule.period_ns // 2


def fly_back(x, t_ns, t_birth_ns, env):
    """Return position and velocity of a round at its first plot."""
    if t_ns <= t_birth_ns:
        return x[:6]
    return naive_ballistic.coast(x, -(t_ns - t_birth_ns) / NS, 1.0, env)[:6]


def judge_entry(states, t_ns, t_birth_ns, is_of_salvo, sensor, env, noise, rule):
    """Return ln of what the speed at the first plot and not being seen before it say of a round, and of the latter."""
    x, p = states[B]
    y, ln = fly_back(x, t_ns, t_birth_ns, env), 0.0
    if not is_of_salvo:
        speed = np.linalg.norm(y[3:])
        beyond = max(SLOWEST - speed, 0.0, speed - FASTEST) / SLOPE
        ln = rule.ln_speed + speed**2 / (2.0 * noise.sigma_speed**2) - 0.5 * beyond**2
    cost, period = 0.0, rule.period_ns / NS
    for k in range(1, rule.n_entry + 1):
        if not could_be_seen(k, t_birth_ns, rule) or cost <= rule.least_entry:
            break
        y = naive_ballistic.coast(np.append(y, x[6]), -period, 1.0, env)[:6]
        sigma_m = math.sqrt(max(p[5, 5], 0.0)) * k * period
        cost = max(cost + math.log1p(-sensor.p_detection * chance(y[:3], sigma_m, sensor)), rule.least_entry)
    return max(ln + cost, -20.0), cost


def elevation_of(z, sensor, env, noise):
    """Return elevation and the sigma of an assumed height, None where nothing was assumed."""
    if not math.isnan(z[2]):
        return z[2], None
    own = height_over_site(*sensor.position, env) + env.site_height_m
    rise, sigma = z[4] - own, None
    if math.isnan(rise):
        rise, sigma = min(noise.height, 0.5 * z[0]), min(noise.sigma_height, 0.4 * z[0])
    radius = env.earth_radius_m + own
    # cosine rule: the plot is at z[0] from the sensor and `rise` higher over a sphere
    sine = (rise * (2.0 + rise / radius) / z[0] - z[0] / radius) / 2.0
    return math.asin(np.clip(sine, -0.999, 0.999)), sigma


def start_leaf(z, var, sensor, env, noise):
    """Return the states by model, and whether the height is known."""
    el, sigma_height = elevation_of(z, sensor, env, noise)
    seen = z[0] * np.array([math.cos(el) * math.sin(z[1]), math.cos(el) * math.cos(z[1]), math.sin(el)])
    x = np.concatenate([sensor.position + sensor.rotation.T @ seen, np.zeros(3), [noise.ln_drag]])
    p = np.diag([1e10] * 3 + [noise.sigma_speed**2] * 3 + [noise.sigma_ln_drag**2])
    level, q = x.copy(), p.copy()
    level[2] = height_over_site(*x[:3], env)
    q[5, 5] = 0.0 if sigma_height else noise.sigma_climb**2
    if sigma_height:
        q[2, 2] = sigma_height**2
    states = {L: naive_kalman.update_state(level, q, True, bool(sigma_height), z, var, sensor, env)[:2]}
    if not math.isnan(z[2]):
        states[B] = naive_kalman.update_state(x, p, False, False, z, var, sensor, env)[:2]
    return states, not sigma_height


def worth(old, new, dt, n_skipped, sensor, rule):
    """Return rough scores of a pair, as a round and as anything else: a straight line through both plots."""
    step, slack = new["pos"] - old["pos"], old["slack_m"] + new["slack_m"]
    nearest = max(np.linalg.norm(step) - slack, 0.0) / dt
    if nearest > FASTEST + 2.0 * SLOPE:
        return -math.inf, -math.inf
    seen = n_skipped * rule.ln_miss + math.log(sensor.p_detection)
    if math.isnan(new["z"][2]):
        area = 2.0 * math.pi * (250.0 * dt) ** 2 + slack**2
        ln = rule.ln_birth_other + seen - math.log(sensor.density_2d * area / new["z"][0])
        return -math.inf, ln if nearest < OTHER else -math.inf
    sigma_m, distance = slack / 4.5, np.linalg.norm(step)
    for spot in (old, new):
        seen -= math.log(naive_leaves.crowding(spot["z"][0], sensor))
    ln_box = math.log(sensor.density_3d * (15.75 * (250.0 * dt) ** 3 + sigma_m**3))
    far2 = distance**2 / ((250.0 * dt) ** 2 + sigma_m**2)
    other = rule.ln_birth_other + seen - ln_box - 0.5 * far2 if nearest < OTHER else -math.inf
    ln_box = math.log(sensor.density_3d * (4.19 * (FASTEST**3 - SLOWEST**3) * dt**3 + sigma_m**3))
    beyond = max(distance / dt - FASTEST, SLOWEST - distance / dt, 0.0)
    ln_box += 0.5 * beyond**2 / (SLOPE**2 + (sigma_m / dt) ** 2)
    cost = 0.0
    for k in range(1, rule.n_entry + 1):
        if not could_be_seen(k, old["t_ns"], rule):
            break
        t = k * rule.period_ns / NS
        at = old["pos"] - step * t / dt - [0.0, 0.0, 4.903 * t * (dt + t)]
        cost += math.log1p(-sensor.p_detection * chance(at, sigma_m * t / dt, sensor))
    return rule.ln_birth_round + seen - ln_box + max(cost, rule.least_entry), other


def pair_plots(spots, base, oldest, first, rule, sensor, env, noise, start):
    """Return the leaves of all pairs, by rows of the earlier plot and of the later.

    `start(z, var)` gives what `start_leaf` does: the rounding of a prior of 1e10 m2 is compared there.
    """
    patience = math.ceil(-4.0 / rule.ln_miss) + 0.5
    found = {}
    for j in range(first, len(spots)):
        for i in range(oldest, len(spots)):
            old, new = spots[i], spots[j]
            dt_ns = int(new["t_ns"] - old["t_ns"])
            is_near = rule.period_ns <= 2 * dt_ns and dt_ns <= int(patience * rule.period_ns)
            if not is_near or old["is_settled"] or old["i_sensor"] != rule.i_sensor:
                continue
            dt, step = dt_ns / NS, new["pos"] - old["pos"]
            reach = FASTEST * 1.1 * dt + old["slack_m"] + new["slack_m"]
            if np.linalg.norm(step) > reach:
                continue
            n_skipped = max(math.floor(dt_ns / rule.period_ns - 0.5), 0)
            if max(worth(old, new, dt, n_skipped, sensor, rule)) < rule.least_score - 1.0:
                continue
            leaf = pair(old, new, base + i, base + j, n_skipped, rule, sensor, env, noise, start)
            if leaf.score >= rule.least_score:
                found[i, j] = leaf
    return found


def new_leaf(serial, t_ns, states):
    """Return a leaf without plots."""
    leaf = SimpleNamespace(**dict.fromkeys(naive_leaves.PLAIN, 0), history=[], states=states)
    leaf.tree, leaf.t_birth_ns, leaf.past, leaf.ln_entry, leaf.ln_unseen = serial + 1, t_ns, 0.0, 0.0, 0.0
    leaf.has_past = leaf.is_chosen = leaf.is_pushed = False
    return leaf


def pair(old, new, i, j, n_skipped, rule, sensor, env, noise, start):
    """Return the leaf of two plots."""
    states, is_height_known = start(old["z"], old["var"])
    z, var, dt = new["z"], new["var"], (new["t_ns"] - old["t_ns"]) / NS
    if math.isnan(z[2]):
        states.pop(B, None)
    t_old_ns, t_ns = int(old["t_ns"]), int(new["t_ns"])
    leaf = new_leaf(i, t_old_ns, states)
    skipped = n_skipped * rule.ln_miss
    if not math.isnan(old["z"][2]):
        skipped -= math.log(naive_leaves.crowding(old["z"][0], sensor))
    leaf.ln_round = rule.ln_birth_round + skipped if B in states else -math.inf
    leaf.ln_other = rule.ln_birth_other + skipped
    leaf.score = max(leaf.ln_round, leaf.ln_other)
    naive_leaves.remember(leaf, i, t_old_ns, rule.i_sensor)
    leaf.has_height = bool(is_height_known or not math.isnan(z[2]) or not math.isnan(z[4]))
    ln = math.log(sensor.p_detection) - naive_leaves.ln_clutter(z, sensor)
    x, p = states[L]
    if leaf.has_height and not is_height_known:  # what was held may move from here on
        p[5, 5] = noise.sigma_climb**2
    x, p = naive_kalman.predict_level(x, p, dt, leaf.has_height, noise)
    *states[L], ln_l, leaf.nis = naive_kalman.update_state(x, p, True, not leaf.has_height, z, var, sensor, env)
    leaf.ln_other += ln + ln_l
    if B in states:
        x, p = naive_ballistic.predict_second(*states[B], dt, z, sensor, env, noise)
        *states[B], ln_b, d2 = naive_kalman.update_state(x, p, False, False, z, var, sensor, env)
        leaf.ln_round += ln + ln_b
        leaf.ln_entry, leaf.ln_unseen = judge_entry(states, t_ns, t_old_ns, False, sensor, env, noise, rule)
        leaf.nis = d2 if naive_leaves.odds(leaf) > 0.0 else leaf.nis
    naive_leaves.weigh(leaf, noise.odds_limit)
    naive_leaves.remember(leaf, j, t_ns, rule.i_sensor)
    return leaf
