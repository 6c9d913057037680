"""Birth kernels: leaves that begin, from two plots.

A new round comes up over the edge of the coverage. So a pair of plots is worth more the less it would have been seen
before the first of them, flown back; and the Gaussian prior of the velocity that the filter needs is swapped for what
is known, a speed in a band, any direction.
"""

import math

import numpy as np
from numba import njit

from casemate.kernels.ballistic import coast
from casemate.kernels.grid import build_grid, find_near
from casemate.kernels.kalman import (
    BALLISTIC,
    LEVEL,
    Noise,
    forget_drag,
    predict_level,
    predict_second,
    update_state,
)
from casemate.kernels.leaves import (
    RUN_OTHER,
    RUN_ROUND,
    Ints,
    Rows,
    Rule,
    ln_clutter,
    ln_crowding,
    remember,
    weigh,
)
from casemate.kernels.looks import AZ, EL, HEIGHT, RANGE, Floats, Sensor, locate
from casemate.kernels.motion import Environment, acceleration, height_over_site

NS = 1e9
SLOWEST_MPS, FASTEST_MPS = 60.0, 900.0  # of rounds: parameters 1.1 has muzzle velocities of 70 to 830
SLOPE_MPS = 40.0  # 1 sigma of the walls of that band
OTHER_MPS = 350.0  # nothing else is faster
ENTRY_HITS = 5  # of a leaf, while its past is still asked for
WORST_ENTRY = -20.0  # nats, beyond the limit of the odds between models: it is no round
BACK_STEP_S = 1.0


@njit(cache=True, error_model="numpy")
def _chance(e: float, n: float, u: float, sigma_m: float, sensor: Sensor) -> float:
    # probability that a place, known to sigma_m upwards, is in the coverage: soft at the lower edge, hard elsewhere
    d0, d1, d2 = e - sensor.position[0], n - sensor.position[1], u - sensor.position[2]
    m = sensor.rotation
    s0 = m[0, 0] * d0 + m[0, 1] * d1 + m[0, 2] * d2
    s1 = m[1, 0] * d0 + m[1, 1] * d1 + m[1, 2] * d2
    s2 = m[2, 0] * d0 + m[2, 1] * d1 + m[2, 2] * d2
    flat = math.sqrt(s0 * s0 + s1 * s1)
    reach = math.sqrt(flat * flat + s2 * s2)
    if reach < sensor.edges[0] or reach > sensor.edges[1]:
        return 0.0
    width = sensor.edges[3]
    if width < 2.0 * math.pi - 1e-9 and (math.atan2(s0, s1) - sensor.edges[2]) % (2.0 * math.pi) > width:
        return 0.0
    if not sensor.has_elevation:
        return 1.0
    el = s2 / reach  # its sine, near enough: edges are low, and steep ones hard
    if el > math.sin(sensor.edges[5]):
        return 0.0
    spread = math.sqrt(sensor.sigmas[EL] * sensor.sigmas[EL] + sigma_m * sigma_m / (reach * reach))
    behind = (sensor.edges[4] - el) / spread
    if behind < -4.0:
        return 1.0
    return 0.5 * math.erfc(behind / math.sqrt(2.0))


@njit(cache=True, error_model="numpy")
def fly_back(leaves: Rows, slots: Ints, env: Environment, state: Floats) -> None:
    """Write position, velocity and acceleration (n, 9) of rounds at their first plots."""
    for k in range(slots.shape[0]):
        leaf, y = leaves[slots[k]], state[k]
        for i in range(6):
            y[i] = leaf["x"][BALLISTIC, i]
        age = (leaf["t_ns"] - leaf["t_birth_ns"]) / NS
        drag = math.exp(leaf["x"][BALLISTIC, 6])
        if age > 0.0:
            coast(y, drag, -age, BACK_STEP_S, env)
        y[6], y[7], y[8] = acceleration(y[0], y[1], y[2], y[3], y[4], y[5], drag, env)


@njit(cache=True, error_model="numpy")
def _ln_speed(y: Floats, noise: Noise, rule: Rule) -> float:
    # swap of priors: + v^2 / 2 sigma^2 takes the Gaussian's bell off again; walls at both ends of the band
    speed, sigma, wall = math.sqrt(y[3] * y[3] + y[4] * y[4] + y[5] * y[5]), noise.sigma_speed, 0.0
    if speed < SLOWEST_MPS:
        wall = (SLOWEST_MPS - speed) / SLOPE_MPS
    elif speed > FASTEST_MPS:
        wall = (speed - FASTEST_MPS) / SLOPE_MPS
    return rule.ln_speed + speed * speed / (2.0 * sigma * sigma) - 0.5 * wall * wall


@njit(cache=True, error_model="numpy")
def judge_entry(leaf: Rows, sensor: Sensor, env: Environment, noise: Noise, rule: Rule) -> None:
    """Write `ln_entry` of a leaf: what its speed at its first plot, and not being seen before, say of a round.

    Flown back from its state; each earlier scan in which it was covered costs ln(1 - Pd c), c the chance of that.
    """
    y = np.empty(6)
    x, p = leaf["x"][BALLISTIC], leaf["cov"][BALLISTIC]
    for k in range(6):
        y[k] = x[k]
    drag = math.exp(x[6])
    age = (leaf["t_ns"] - leaf["t_birth_ns"]) / NS
    if age > 0.0:
        coast(y, drag, -age, BACK_STEP_S, env)
    ln = 0.0
    if leaf["salvo"] == 0:
        ln = _ln_speed(y, noise, rule)
    sigma_climb, cost, period = math.sqrt(max(p[5, 5], 0.0)), 0.0, rule.period_ns / NS
    for k in range(rule.n_entry):
        if leaf["t_birth_ns"] - (k + 1) * rule.period_ns < rule.t_first_ns - rule.period_ns // 2:
            break
        coast(y, drag, -period, BACK_STEP_S, env)
        c = _chance(y[0], y[1], y[2], sigma_climb * (k + 1) * period, sensor)
        cost += math.log1p(-sensor.p_detection * c)
        if cost < rule.least_entry:
            cost = rule.least_entry
            break
    leaf["ln_entry"], leaf["ln_unseen"] = max(ln + cost, WORST_ENTRY), cost


@njit(cache=True, error_model="numpy")
def _elevation_of(z: Floats, sensor: Sensor, env: Environment, noise: Noise) -> tuple[float, float]:
    # elevation of a plot and the sigma of its height where that had to be assumed (0: it was measured)
    own = height_over_site(sensor.position[0], sensor.position[1], sensor.position[2], env) + env.site_height_m
    rise, sigma = z[HEIGHT] - own, 0.0
    if not math.isnan(z[EL]):
        return z[EL], 0.0
    if math.isnan(rise):
        rise, sigma = min(noise.height, 0.5 * z[RANGE]), min(noise.sigma_height, 0.4 * z[RANGE])
    bend = 1.0 / (env.earth_radius_m + own)
    sine = (rise * (2.0 + rise * bend) / z[RANGE] - z[RANGE] * bend) / 2.0
    return math.asin(min(max(sine, -0.999), 0.999)), sigma


@njit(cache=True, error_model="numpy")
def start_leaf(
    leaf: Rows, z: Floats, var: Floats, sensor: Sensor, env: Environment, noise: Noise, work: Floats
) -> None:
    """Write the states of a leaf from its first plot: its position, and a velocity of 0 +- prior.

    Where a 2D plot has no height one is assumed (held until something measures it), with a wide covariance.
    """
    el, sigma_height = _elevation_of(z, sensor, env, noise)
    x, p = leaf["x"], leaf["cov"]
    for m in range(2):
        for i in range(7):
            x[m, i] = 0.0
            for k in range(7):
                p[m, i, k] = 0.0
    x[BALLISTIC, 0], x[BALLISTIC, 1], x[BALLISTIC, 2] = locate(z[RANGE], z[AZ], el, sensor)
    for k in range(3):
        x[LEVEL, k] = x[BALLISTIC, k]
    x[LEVEL, 2] = height_over_site(x[LEVEL, 0], x[LEVEL, 1], x[LEVEL, 2], env)
    for m in range(2):
        for k in range(3):
            p[m, k, k], p[m, 3 + k, 3 + k] = 1e10, noise.sigma_speed * noise.sigma_speed
        forget_drag(x[m], p[m], noise)
    is_known = sigma_height == 0.0
    p[LEVEL, 5, 5] = noise.sigma_climb * noise.sigma_climb if is_known else 0.0
    if not is_known:
        p[LEVEL, 2, 2] = sigma_height * sigma_height
    has_round = not math.isnan(z[EL])
    leaf["has_height"], leaf["models"] = is_known, RUN_OTHER + (RUN_ROUND if has_round else 0)
    update_state(x[LEVEL], p[LEVEL], True, not is_known, z, var, sensor, env, work)
    if has_round:
        update_state(x[BALLISTIC], p[BALLISTIC], False, False, z, var, sensor, env, work)


@njit(cache=True, error_model="numpy")
def _worth(i: Rows, j: Rows, dt: float, n_skipped: float, sensor: Sensor, rule: Rule) -> tuple[float, float]:
    # rough scores of a pair of plots as a round and as something else: straight line and gravity, plots without error
    far2 = 0.0
    for k in range(3):
        far2 += (j["pos"][k] - i["pos"][k]) ** 2
    slack, speed = i["slack_m"] + j["slack_m"], math.sqrt(far2) / dt
    nearest = max(speed - slack / dt, 0.0)
    if nearest > FASTEST_MPS + 2.0 * SLOPE_MPS:
        return -math.inf, -math.inf
    z = j["z"]
    skipped = n_skipped * rule.ln_miss + math.log(sensor.p_detection)
    if math.isnan(z[EL]):
        area = 2.0 * math.pi * (250.0 * dt) ** 2 + slack * slack
        other = rule.ln_birth_other + skipped - math.log(sensor.density_2d / z[RANGE] * area)
        return -math.inf, other if nearest < OTHER_MPS else -math.inf
    sigma_m, other = slack / 4.5, -math.inf
    blur = sigma_m * sigma_m * sigma_m
    skipped -= ln_crowding(i["z"][RANGE], sensor) + ln_crowding(z[RANGE], sensor)
    if nearest < OTHER_MPS:
        box = 15.75 * (250.0**3 * dt**3) + blur
        other = rule.ln_birth_other + skipped - math.log(sensor.density_3d * box)
        other -= 0.5 * far2 / ((250.0 * dt) ** 2 + sigma_m * sigma_m)
    box = 4.19 * (FASTEST_MPS**3 - SLOWEST_MPS**3) * dt**3 + blur
    beyond = max(speed - FASTEST_MPS, SLOWEST_MPS - speed, 0.0)
    as_round = rule.ln_birth_round + skipped - math.log(sensor.density_3d * box)
    as_round -= 0.5 * beyond * beyond / (SLOPE_MPS * SLOPE_MPS + sigma_m * sigma_m / (dt * dt))
    cost, period = 0.0, rule.period_ns / NS
    for n in range(rule.n_entry):
        t = (n + 1) * period
        if i["t_ns"] - (n + 1) * rule.period_ns < rule.t_first_ns - rule.period_ns // 2:
            break
        back = t / dt
        u = i["pos"][2] - (j["pos"][2] - i["pos"][2]) * back - 4.903 * t * (dt + t)
        e = i["pos"][0] - (j["pos"][0] - i["pos"][0]) * back
        north = i["pos"][1] - (j["pos"][1] - i["pos"][1]) * back
        c = _chance(e, north, u, sigma_m * back, sensor)
        cost += rule.ln_miss if c == 1.0 else math.log1p(-sensor.p_detection * c)
        if cost < rule.least_entry or as_round + cost < rule.least_score - 1.0:
            break
    return as_round + max(cost, rule.least_entry), other


@njit(cache=True, error_model="numpy")
def pair_plots(
    leaves: Rows,
    seen: Ints,
    free: Ints,
    n_free: int,
    spots: Rows,
    base: int,
    oldest: int,
    first: int,
    rule: Rule,
    sensor: Sensor,
    env: Environment,
    noise: Noise,
) -> int:
    """Begin a leaf for each pair of plots of the sensor that may be one thing: rows from `oldest` and from `first` on.

    Slots come off the end of `free`. Returns how many are left of them; 0 may mean that there was no room.
    """
    work, near = np.empty((4, 7, 7)), np.empty(spots.shape[0] - oldest, np.int64)
    patience, n_open = math.ceil(-4.0 / rule.ln_miss) + 0.5, 0
    oldest_ns = int(patience * rule.period_ns)
    for i in range(oldest, spots.shape[0]):
        if spots[i]["i_sensor"] == rule.i_sensor and not spots[i]["is_settled"]:
            near[n_open] = i
            n_open += 1
    grid = build_grid(spots, near[:n_open])
    for j in range(first, spots.shape[0]):
        new, at = spots[j], spots[j]["pos"]
        reach = FASTEST_MPS * 1.1 * patience * rule.period_ns / NS + grid.slack_m + new["slack_m"]
        for m in range(find_near(grid, at[0], at[1], at[2], reach, near)):
            i = near[m]
            old = spots[i]
            dt_ns = new["t_ns"] - old["t_ns"]
            if 2 * dt_ns < rule.period_ns or dt_ns > oldest_ns:
                continue
            dt = dt_ns / NS
            far = FASTEST_MPS * 1.1 * dt + old["slack_m"] + new["slack_m"]
            d0, d1, d2 = at[0] - old["pos"][0], at[1] - old["pos"][1], at[2] - old["pos"][2]
            if d0 * d0 + d1 * d1 + d2 * d2 > far * far:
                continue
            n_skipped = max(math.floor(dt_ns / rule.period_ns - 0.5), 0.0)
            as_round, other = _worth(old, new, dt, n_skipped, sensor, rule)
            if max(as_round, other) < rule.least_score - 1.0 or n_free == 0:
                continue
            leaf = leaves[free[n_free - 1]]
            if _pair(leaf, old, new, base + i, base + j, n_skipped, rule, sensor, env, noise, work):
                n_free -= 1
                first_seen(seen[free[n_free]], rule.i_sensor, new["t_ns"])
    return n_free


@njit(cache=True, error_model="numpy")
def begin_leaf(leaf: Rows, serial: int, t_ns: int) -> None:
    """Write the ledger of a leaf that has no plot yet; `serial` is that of the first it will have, of t_ns."""
    leaf["tree"], leaf["label"], leaf["t_birth_ns"] = serial + 1, 0, t_ns
    leaf["n_hit"], leaf["n_plots"], leaf["past"], leaf["has_past"] = 0, 0, 0.0, False
    leaf["status"], leaf["salvo"], leaf["is_chosen"], leaf["nis"] = 0, 0, False, math.nan
    leaf["ln_entry"], leaf["ln_unseen"], leaf["is_pushed"] = 0.0, 0.0, False


@njit(cache=True, error_model="numpy")
def first_seen(row: Ints, s: int, t_ns: int) -> None:
    """Write that sensor s alone hit a leaf, at t_ns."""
    for k in range(row.shape[0]):
        row[k] = 0
    row[2 * s], row[2 * s + 1] = t_ns, t_ns


@njit(cache=True, error_model="numpy")
def _pair(
    leaf: Rows,
    old: Rows,
    new: Rows,
    i: int,
    j: int,
    n_skipped: float,
    rule: Rule,
    sensor: Sensor,
    env: Environment,
    noise: Noise,
    work: Floats,
) -> bool:
    # write a leaf of two plots with serials i and j; False: not worth it
    dt = (new["t_ns"] - old["t_ns"]) / NS
    z, var, x, p = new["z"], new["var"], leaf["x"], leaf["cov"]
    start_leaf(leaf, old["z"], old["var"], sensor, env, noise, work)
    begin_leaf(leaf, i, old["t_ns"])
    base = n_skipped * rule.ln_miss
    base -= 0.0 if math.isnan(old["z"][EL]) else ln_crowding(old["z"][RANGE], sensor)
    leaf["ln_round"], leaf["ln_other"] = rule.ln_birth_round + base, rule.ln_birth_other + base
    if math.isnan(z[EL]) or not leaf["models"] & RUN_ROUND:
        leaf["ln_round"], leaf["models"] = -math.inf, RUN_OTHER
    leaf["score"] = max(leaf["ln_round"], leaf["ln_other"])
    remember(leaf, i, old["t_ns"], rule.i_sensor)
    ln = math.log(sensor.p_detection) - ln_clutter(z, sensor)
    had_height = bool(leaf["has_height"])
    leaf["has_height"] = had_height or not math.isnan(z[EL]) or not math.isnan(z[HEIGHT])
    if leaf["has_height"] and not had_height:
        p[LEVEL, 5, 5] = noise.sigma_climb * noise.sigma_climb
    predict_level(x[LEVEL], p[LEVEL], dt, bool(leaf["has_height"]), noise)
    ln_l, far = update_state(x[LEVEL], p[LEVEL], True, not leaf["has_height"], z, var, sensor, env, work)
    leaf["ln_other"] += ln + ln_l
    leaf["nis"] = far
    if leaf["models"] & RUN_ROUND:
        predict_second(x[BALLISTIC], p[BALLISTIC], dt, z, sensor, env, noise, work)
        ln_b, far_b = update_state(x[BALLISTIC], p[BALLISTIC], False, False, z, var, sensor, env, work)
        leaf["ln_round"] += ln + ln_b
        if max(leaf["ln_round"] + _ln_speed(x[BALLISTIC], noise, rule) + 1.0, leaf["ln_other"]) < rule.least_score:
            return False  # without drag on the way back, and seen before by nobody: the best it could be
        leaf["t_ns"] = new["t_ns"]
        judge_entry(leaf, sensor, env, noise, rule)
        leaf["nis"] = far_b if leaf["ln_round"] + leaf["ln_entry"] > leaf["ln_other"] else far
    weigh(leaf, noise.odds_limit)
    remember(leaf, j, new["t_ns"], rule.i_sensor)
    return leaf["score"] >= rule.least_score
