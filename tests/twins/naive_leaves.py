"""Plain twins of `casemate.kernels.leaves`: a leaf is an object with a list of plots and a dictionary of states."""

import copy
import math
from types import SimpleNamespace

import naive_ballistic
import naive_kalman
import naive_looks
import numpy as np

B, L = 0, 1
WINDOW = 16
REOPEN_D2, GATE_D2 = 11.34, 16.27
PUSH_Q, PUSH_S, PUSH_D2, P_PUSHED = 5000.0, 2.0, 6.25, 0.3
PLAIN = (
    "tree", "label", "t_ns", "i_sensor", "t_birth_ns", "n_hit", "n_miss", "past", "ln_round", "ln_other", "ln_entry",
    "ln_unseen", "score", "miss_score", "nis", "status", "salvo", "has_past", "has_height", "is_chosen", "is_fresh",
    "is_touched", "is_pushed",
)  # fmt: skip


def leaf_of(row):
    """Read a LEAF row: `history` holds (serial, time, score) of its plots, `states` (x, P) of the models that run."""
    n = int(row["n_plots"])
    history = list(zip(*(row[name][:n].tolist() for name in ("plots", "plots_ns", "scores")), strict=True))
    states = {m: (row["x"][m].copy(), row["cov"][m].copy()) for m in (B, L) if int(row["models"]) >> m & 1}
    return SimpleNamespace(history=history, states=states, **{name: row[name].item() for name in PLAIN})


def odds(leaf):
    """Return ln of the odds of a round against anything else."""
    return leaf.ln_round + leaf.ln_entry - leaf.ln_other


def is_round(leaf):
    return B in leaf.states and (len(leaf.states) == 1 or odds(leaf) > 0.0)


def crowding(reach_m, sensor):
    """Return how much denser false plots are at a range than those that are even over the volume."""
    return max((sensor.near_m / reach_m) ** 2, 1.0)


def ln_clutter(z, sensor):
    reach, _, el, rate, height = z
    density = sensor.density_2d
    if not math.isnan(el):
        density = sensor.density_3d * crowding(reach, sensor) * reach**2 * max(math.cos(el), 0.01)
    for value, span in ((rate, 1400.0), (height, 15_000.0)):
        density /= 1.0 if math.isnan(value) else span
    return math.log(density)


def weigh(leaf, limit):
    """Both models explain all plots: their odds add up."""
    leaf.score = np.logaddexp(leaf.ln_round + leaf.ln_entry, leaf.ln_other)
    if len(leaf.states) == 2 and abs(odds(leaf)) > limit:
        if odds(leaf) > 0.0:
            del leaf.states[L]
            leaf.ln_other = leaf.ln_round + leaf.ln_entry - limit
        else:
            del leaf.states[B]
            leaf.ln_round = leaf.ln_other - limit - leaf.ln_entry


def remember(leaf, serial, t_ns, s):
    leaf.history.append((serial, t_ns, leaf.score))
    if len(leaf.history) > WINDOW:
        leaf.past, leaf.has_past = leaf.history.pop(0)[2], True
    leaf.t_ns, leaf.i_sensor, leaf.n_miss, leaf.miss_score = t_ns, s, 0, 0.0
    leaf.n_hit += 1
    leaf.is_fresh = leaf.is_touched = True


def pushed(p, t):
    """Return P after white acceleration over t [s]."""
    p, each = p.copy(), np.arange(3)
    p[each, each] += PUSH_Q * t**3 / 3.0
    p[each, each + 3] += PUSH_Q * t**2 / 2.0
    p[each + 3, each] += PUSH_Q * t**2 / 2.0
    p[each + 3, each + 3] += PUSH_Q * t
    return p


def is_young(leaf):
    return (leaf.t_ns - leaf.t_birth_ns) / 1e9 < PUSH_S


def may_burn(leaf):
    """Tell whether a leaf is a round that came in over the edge less than 2 s before its last plot, and climbs."""
    is_entry = is_young(leaf) and leaf.salvo == 0 and leaf.ln_unseen > -3.0
    return bool(is_entry and B in leaf.states and leaf.states[B][0][5] > 0.0)


def predict_leaf(leaf, dt, env, noise):
    """Return (x, P) of each model that runs."""
    ahead = {}
    for m, (x, p) in leaf.states.items():
        if m == B:
            y, q = naive_ballistic.predict_ballistic(x, p, dt, env, noise)
            ahead[m] = y, pushed(q, dt) if leaf.is_pushed and is_young(leaf) and dt > 0.0 else q
        else:
            ahead[m] = naive_kalman.predict_level(x, p, dt, leaf.has_height, noise)
    return ahead


def other_model(m, x, p, env, noise):
    """Begin the model that did not run from the one that did."""
    if m == L:
        y, jacobian = naive_looks.to_enu(x, env)
        return y, jacobian @ p @ jacobian.T
    y, jacobian = naive_kalman.to_level(x, env)
    q = jacobian @ p @ jacobian.T
    y[6], q[6], q[:, 6] = noise.ln_drag, 0.0, 0.0
    q[6, 6] = noise.sigma_ln_drag**2
    return y, q


def hit_leaf(leaf, ahead, z, var, sensor, env, noise, push_s=0.0):
    """Return the child of a leaf, predicted in `ahead`, by a plot; None where it is out of the gate."""
    has_height = bool(leaf.has_height or not math.isnan(z[2]) or not math.isnan(z[4]))
    if has_height and not leaf.has_height:  # what was held may move from here on
        x, p = ahead[L]
        ahead = {L: (x, p + np.diag(np.eye(7)[5] * (noise.sigma_climb**2 - p[5, 5])))}

    def updated(m, x, p):
        return naive_kalman.update_state(x, p, m == L, m == L and not has_height, z, var, sensor, env)

    tried = {m: updated(m, *ahead[m]) for m in ahead}
    is_pushed = leaf.is_pushed
    if B in tried and push_s > 0.0 and tried[B][3] > PUSH_D2:
        x, p, ln, d2 = updated(B, ahead[B][0], pushed(ahead[B][1], push_s))
        ln += math.log(P_PUSHED / (1.0 - P_PUSHED))
        if ln > tried[B][2]:
            tried[B], is_pushed = (x, p, ln, d2), True
    if min(d2 for *_, d2 in tried.values()) > GATE_D2 + 2.0 * (np.sum(~np.isnan(z)) - 3):
        return None
    child = copy.deepcopy(leaf)
    child.is_pushed = is_pushed
    if len(tried) == 1:
        ((m, (_, _, _, d2)),) = tried.items()
        is_misfit = d2 > REOPEN_D2
        if is_misfit if m == B else not math.isnan(z[2]) and (is_misfit or leaf.ln_round == -math.inf):
            other = L if m == B else B
            tried[other] = updated(other, *other_model(m, *ahead[m], env, noise))
    base = math.log(sensor.p_detection) - ln_clutter(z, sensor)
    ln = {m: tried.get(m, tried[min(tried)])[2] for m in (B, L)}
    if leaf.ln_round == -math.inf and B in tried:
        child.ln_round = leaf.ln_other
    child.ln_round += base + ln[B]
    child.ln_other += base + ln[L]
    d2 = {m: tried[m][3] if m in tried else math.inf for m in (B, L)}
    child.states = {m: (x, p) for m, (x, p, _, _) in tried.items()}
    child.nis = d2[B] if is_round(child) else d2[L]
    if B in child.states:
        child.states[B][0][6] = np.clip(child.states[B][0][6], math.log(1e-5), math.log(1e-2))
    child.has_height = has_height
    return child
