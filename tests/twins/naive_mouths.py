"""Plain twins of `casemate.kernels.mouths`: leaves that begin from one plot."""

import math

import naive_births
import naive_leaves
import numpy as np
from naive_leaves import B

from casemate.kernels.motion import acceleration

NS = 1e9


def offset_from_path(at, cov, place, vel):
    """Return ln N2 of the offset across a path, which falls, and the time along it."""
    u = (at - place) @ vel / (vel @ vel)
    ahead = vel / np.linalg.norm(vel)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    across = np.array([right, np.cross(right, ahead)])
    off = across @ (at - place) + [0.0, across[1, 2] * 4.903 * u * u]
    s = across @ cov @ across.T + 30.0**2 * np.eye(2)
    return -0.5 * (off @ np.linalg.solve(s, off) + np.linalg.slogdet(2.0 * math.pi * s)[1]), u


def begin_at_mouth(spots, base, first, salvos, sigma_mps, rule, sensor, env, noise, start):
    """Return the leaves of one plot, in the order of plots, then of salvos."""
    found, period = [], rule.period_ns / NS
    for j in range(first, len(spots)):
        spot = spots[j]
        if spot["t_ns"] < 0 or math.isnan(spot["z"][2]):
            continue
        for salvo in salvos:
            place, vel, ln_drag = salvo["pos"], salvo["vel"], salvo["ln_drag"]
            speed = np.linalg.norm(vel)
            if np.linalg.norm(spot["pos"] - place) > 3.0 * speed * period + spot["slack_m"] + 4.5 * 30.0:
                continue
            states, t_ns = start(spot["z"], spot["var"])[0], int(spot["t_ns"])
            x, p = states[B]
            ln, u = offset_from_path(spot["pos"], p[:3, :3], place, vel)
            moved = vel + u * np.array(acceleration(*place, *vel, math.exp(ln_drag), env))
            q = np.diag([0.0] * 3 + [sigma_mps**2] * 3 + [0.4**2])
            q[:3, :3] = p[:3, :3]
            states[B] = np.concatenate([x[:3], moved, [ln_drag]]), q
            leaf = naive_births.new_leaf(base + j, t_ns, states)
            leaf.salvo, leaf.has_height, leaf.nis = int(salvo["serial"]), True, math.nan
            leaf.ln_entry, leaf.ln_unseen = naive_births.judge_entry(
                leaf.states, t_ns, t_ns, True, sensor, env, noise, rule
            )
            leaf.ln_round = ln + math.log(0.5 / (speed * period * sensor.density_3d))
            leaf.ln_round -= math.log(naive_leaves.crowding(spot["z"][0], sensor))
            leaf.ln_other = rule.ln_birth_other
            naive_leaves.weigh(leaf, noise.odds_limit)
            if leaf.score >= rule.least_score:
                naive_leaves.remember(leaf, base + j, t_ns, rule.i_sensor)
                found.append(leaf)
    return found


def is_young(leaf, t_oldest_ns, least_hits, least_unseen, most_var):
    """Tell whether a leaf may show a salvo."""
    if B not in leaf.states or leaf.t_birth_ns < t_oldest_ns or leaf.n_hit < least_hits:
        return False
    return leaf.score > 0.0 and leaf.ln_unseen > least_unseen and np.trace(leaf.states[B][1][3:6, 3:6]) < most_var


def compare_paths(x, y, most_m, most_mps, most_s):
    """Return whether a state (9,) is of one path with another (6,), and the time to where it passes it."""
    pos, vel, fall = x[:3], x[3:6], x[6:]
    u = (y[:3] - pos) @ vel / (vel @ vel)
    apart, unlike = y[:3] - (pos + u * vel + 0.5 * u * u * fall), y[3:6] - (vel + u * fall)
    return bool(np.linalg.norm(apart) < most_m and np.linalg.norm(unlike) < most_mps and abs(u) < most_s), u


def is_near(pos, slack_m, salvo, least_s, most_s, own_m, spread_mps, env):
    """Tell whether a place is near the path of a salvo, which is asked every millisecond; and how clear that is [m]."""
    place, vel = salvo["pos"], salvo["vel"]
    fall = np.array(acceleration(*place, *vel, math.exp(salvo["ln_drag"]), env))
    u = np.arange(least_s, most_s, 1e-3)[:, None]
    apart = np.linalg.norm(pos - place - u * vel - 0.5 * u * u * fall, axis=1)
    nearest = np.argmin(apart)
    margin = own_m + spread_mps * abs(u[nearest, 0]) + slack_m - apart[nearest]
    return margin > 0.0, abs(margin)
