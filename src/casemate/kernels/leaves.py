"""Leaf kernels: what one scan makes of every hypothesis about which plots are one thing.

A leaf is one history of plots with the state that it leads to (track-oriented multiple hypotheses: Kurien, "Issues in
the design of practical multitarget tracking algorithms", in Bar-Shalom, ed., Multitarget-Multisensor Tracking, 1990).
Leaves of one tree share their first plot. A scan gives each leaf a child for every plot in its gate; the leaf itself
lives on as the hypothesis that it was missed. A score is ln of the odds that one thing made all of the leaf's plots
against all of them being false; it is kept for each motion model of `kernels.kalman` by itself.
"""

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from casemate.kernels.ballistic import diffuse
from casemate.kernels.kalman import (
    BALLISTIC,
    LEVEL,
    LN_DRAG_HIGH,
    LN_DRAG_LOW,
    Noise,
    copy_state,
    enu_to_level,
    forget_drag,
    level_to_enu,
    predict_ballistic,
    predict_level,
    update_state,
)
from casemate.kernels.looks import EL, HEIGHT, HEIGHT_SPAN, RANGE, RATE, Floats, Sensor
from casemate.kernels.motion import Environment

Ints = NDArray[np.int64]
Rows = Any
"""NDArray[np.void], or one row of it: numpy's types know no fields."""

WINDOW: Final = 16
"""Plots that a leaf remembers one by one; older ones are settled."""

SPOT: Final = np.dtype(
    [
        ("t_ns", "i8"),
        ("i_sensor", "i8"),
        ("label", "i8"),  # of the track that was last reported on it, 0: none
        ("tree", "i8"),  # that it was settled on, 0: none
        ("is_settled", "?"),  # so surely a track's that nothing may begin here
        ("z", "f8", (5,)),
        ("var", "f8", (5,)),
        ("pos", "f8", (3,)),  # rough ENU, used by the coarse gates only
        ("slack_m", "f8"),  # how wrong `pos` may be
        ("price", "f8"),  # of the plot, in nats, when leaves were last chosen
    ],
    align=True,
)
"""A plot of the last scans; its serial is its row plus the serial of row 0."""

LEAF: Final = np.dtype(
    [
        ("tree", "i8"),  # 1 + serial of its first plot
        ("label", "i8"),  # track id it was last reported under, 0: never
        ("t_ns", "i8"),  # of the state: the last hit
        ("i_sensor", "i8"),  # of the last hit
        ("t_birth_ns", "i8"),
        ("n_hit", "i8"),
        ("n_miss", "i8"),  # since the last hit
        ("n_plots", "i8"),  # of the last plots that may still be undone, and what they are, oldest first
        ("plots", "i8", (WINDOW,)),  # serials
        ("plots_ns", "i8", (WINDOW,)),
        ("scores", "f8", (WINDOW,)),  # after each
        ("past", "f8"),  # score of the settled part
        ("ln_round", "f8"),  # score as a ballistic thing, without `ln_entry`
        ("ln_other", "f8"),  # score as a level one
        ("ln_entry", "f8"),  # how a round would have come to where it was first seen
        ("ln_unseen", "f8"),  # part of it: that it was not seen before
        ("score", "f8"),
        ("miss_score", "f8"),  # part of the score lost since the last hit
        ("nis", "f8"),
        ("x", "f8", (2, 7)),
        ("cov", "f8", (2, 7, 7)),
        ("models", "i8"),  # bits RUN_ROUND and RUN_OTHER
        ("status", "i8"),
        ("salvo", "i8"),  # serial of the salvo that it was born in, 0: none
        ("has_past", "?"),
        ("has_height", "?"),
        ("is_pushed", "?"),  # a motor burned since its first plot, as far as its plots tell
        ("is_chosen", "?"),
        ("is_fresh", "?"),  # hit by this step
        ("is_touched", "?"),  # changed by this step
    ],
    align=True,
)

SALVO: Final = np.dtype(
    [("serial", "i8"), ("t_ns", "i8"), ("pos", "f8", (3,)), ("vel", "f8", (3,)), ("ln_drag", "f8")],
    align=True,
)
"""Rounds of one launcher, as one state that all of them pass when they come in; when the last of them was born."""

RUN_ROUND, RUN_OTHER = 1, 2
"""Bits of `models`: which motion models follow the plots."""

REOPEN_D2 = 11.34  # chi-square, 3 degrees of freedom, 99 %: beyond it the other motion model is asked again
RATE_SPAN = 1_400.0  # m/s, false range rates spread evenly over +-700
GATE_D2 = 16.27  # holds 99.9 % of the true plots, chi-square with 3 degrees of freedom
MOST_CHILDREN = 32

PUSH_Q = 5_000.0  # m2/s3, white acceleration that stands for a burning motor: 100 m/s of speed over PUSH_NS
PUSH_NS = 2_000_000_000  # after its first plot, what a radar sees of a burn
PUSH_D2 = 6.25  # squared distance beyond which a push is tried: 10 % of the plots of free flight
LN_PUSHED = math.log(0.3 / 0.7)  # prior odds of a motor that burns in view [A]
PUSH_UNSEEN = -3.0  # nats of `ln_unseen`: below it a round did not come in over the edge


class Rule(NamedTuple):
    """What birth, life and death of leaves cost, of one sensor's scans."""

    i_sensor: int
    period_ns: int
    ln_birth_round: float  # ln of the odds that a new plot is a new round, where rounds come in
    ln_birth_other: float  # the same of everything else
    ln_miss: float  # ln(1 - Pd)
    t_first_ns: int  # the sensor's first scan: nothing could be seen before
    least_score: float  # of a new pair of plots
    ln_speed: float  # ln of the Gaussian prior of a round's velocity at 0 over the flat one
    n_entry: int  # scans before the first plot that are asked for a round coming in
    least_entry: float  # the most that they can cost: things do appear in mid-air


@njit(cache=True, error_model="numpy")
def ln_crowding(reach_m: float, sensor: Sensor) -> float:
    """Return ln of how much denser false plots are at a range than `density_3d`: near the antenna cells are small."""
    return 2.0 * math.log(max(sensor.near_m / reach_m, 1.0))


@njit(cache=True, error_model="numpy")
def ln_clutter(z: Floats, sensor: Sensor) -> float:
    """Return ln of the density of false plots where a plot is, in the units of its own elements."""
    if math.isnan(z[EL]):
        ln = math.log(sensor.density_2d)
    else:
        ln = math.log(sensor.density_3d * z[RANGE] * z[RANGE] * max(math.cos(z[EL]), 0.01))
        ln += ln_crowding(z[RANGE], sensor)
    if not math.isnan(z[RATE]):
        ln -= math.log(RATE_SPAN)
    if not math.isnan(z[HEIGHT]):
        ln -= math.log(HEIGHT_SPAN)
    return ln


@njit(cache=True, error_model="numpy")
def weigh(leaf: Rows, limit: float) -> None:
    """Write the score of a leaf from those of its two models; one that is behind by `limit` runs no further."""
    round_score, other = leaf["ln_round"] + leaf["ln_entry"], leaf["ln_other"]
    top = max(round_score, other)
    leaf["score"] = top + math.log1p(math.exp(-abs(round_score - other)))
    if leaf["models"] == RUN_ROUND + RUN_OTHER:
        if round_score - other > limit:
            leaf["models"] = RUN_ROUND
            leaf["ln_other"] = round_score - limit
        elif other - round_score > limit:
            leaf["models"] = RUN_OTHER
            leaf["ln_round"] = other - limit - leaf["ln_entry"]


@njit(cache=True, error_model="numpy")
def remember(leaf: Rows, serial: int, t_ns: int, s: int) -> None:
    """Write a plot into the history of a leaf whose scores already count it; for want of room the oldest is settled."""
    n = leaf["n_plots"]
    plots, times, scores = leaf["plots"], leaf["plots_ns"], leaf["scores"]
    if n == WINDOW:
        leaf["past"], leaf["has_past"] = scores[0], True
        for k in range(WINDOW - 1):
            plots[k], times[k], scores[k] = plots[k + 1], times[k + 1], scores[k + 1]
        n -= 1
    plots[n], times[n], scores[n] = serial, t_ns, leaf["score"]
    leaf["n_plots"] = n + 1
    leaf["t_ns"], leaf["i_sensor"] = t_ns, s
    leaf["n_hit"] += 1
    leaf["n_miss"], leaf["miss_score"] = 0, 0.0
    leaf["is_fresh"], leaf["is_touched"] = True, True


@njit(cache=True, error_model="numpy")
def _reopen(child: Rows, x: Floats, p: Floats, lead: int, env: Environment, noise: Noise, work: Floats) -> None:
    # the model that ran (predicted in x[lead], p[lead]) no longer fits: begin the other one from it
    if lead == BALLISTIC:
        enu_to_level(x[BALLISTIC], p[BALLISTIC], env, x[LEVEL], p[LEVEL], work)
        forget_drag(x[LEVEL], p[LEVEL], noise)
    else:
        level_to_enu(x[LEVEL], p[LEVEL], env, x[BALLISTIC], p[BALLISTIC], work)
    other = LEVEL if lead == BALLISTIC else BALLISTIC
    copy_state(x[other], p[other], child["x"][other], child["cov"][other])
    child["models"] = RUN_ROUND + RUN_OTHER


@njit(cache=True, error_model="numpy")
def may_burn(leaf: Rows) -> bool:
    """Tell whether a motor may burn on after the last plot of a leaf: of a round that came in lately, and climbs."""
    return bool(
        leaf["t_ns"] - leaf["t_birth_ns"] < PUSH_NS
        and leaf["models"] & RUN_ROUND
        and leaf["salvo"] == 0
        and leaf["ln_unseen"] > PUSH_UNSEEN
        and leaf["x"][BALLISTIC, 5] > 0.0
    )


@njit(cache=True, error_model="numpy")
def _push(
    child: Rows,
    x: Floats,
    p: Floats,
    z: Floats,
    var: Floats,
    sensor: Sensor,
    env: Environment,
    push_s: float,
    ln_free: float,
    far_free: float,
    work: Floats,
) -> tuple[float, float]:
    # update by the plot as if a motor had pushed since the first plot, and keep it where likelier; LEVEL is scratch
    y, q = child["x"], child["cov"]
    copy_state(x[BALLISTIC], p[BALLISTIC], y[LEVEL], q[LEVEL])
    for i in range(3):
        diffuse(q[LEVEL], i, PUSH_Q, push_s)
    ln, far = update_state(y[LEVEL], q[LEVEL], False, False, z, var, sensor, env, work)
    if ln + LN_PUSHED <= ln_free:
        return ln_free, far_free
    copy_state(y[LEVEL], q[LEVEL], y[BALLISTIC], q[BALLISTIC])
    child["is_pushed"] = True
    return ln + LN_PUSHED, far


@njit(cache=True, error_model="numpy")
def hit_leaf(
    child: Rows,
    x: Floats,
    p: Floats,
    z: Floats,
    var: Floats,
    sensor: Sensor,
    env: Environment,
    noise: Noise,
    push_s: float,
    work: Floats,
) -> bool:
    """Update the models of a leaf, predicted in x (2, 7) and p (2, 7, 7), by a plot; False: it is out of the gate.

    Where `push_s` is not 0, a motor may have pushed for so long [s]; that is tried if free flight does not fit.
    Scores grow by ln(Pd N(z; zhat, S) / rho): Bar-Shalom, Blackman, Fitzgerald, IEEE TAES 43(1), 2007.
    """
    used = 0
    for k in range(5):
        used += 0 if math.isnan(z[k]) else 1
    gate = GATE_D2 + 2.0 * (used - 3)
    base = math.log(sensor.p_detection) - ln_clutter(z, sensor)
    models, had_height, climb_var = child["models"], child["has_height"], p[LEVEL, 5, 5]
    has_height = had_height or not math.isnan(z[EL]) or not math.isnan(z[HEIGHT])
    if has_height and not had_height:
        p[LEVEL, 5, 5] = noise.sigma_climb * noise.sigma_climb  # free from here on
    y, q = child["x"], child["cov"]
    ln_b, ln_l, far_b, far_l = 0.0, 0.0, math.inf, math.inf
    if models & RUN_ROUND:
        copy_state(x[BALLISTIC], p[BALLISTIC], y[BALLISTIC], q[BALLISTIC])
        ln_b, far_b = update_state(y[BALLISTIC], q[BALLISTIC], False, False, z, var, sensor, env, work)
        if push_s > 0.0 and far_b > PUSH_D2:
            ln_b, far_b = _push(child, x, p, z, var, sensor, env, push_s, ln_b, far_b, work)
    if models & RUN_OTHER:
        copy_state(x[LEVEL], p[LEVEL], y[LEVEL], q[LEVEL])
        ln_l, far_l = update_state(y[LEVEL], q[LEVEL], True, not has_height, z, var, sensor, env, work)
    if min(far_b, far_l) > gate:
        p[LEVEL, 5, 5] = climb_var
        return False
    if models == RUN_ROUND:
        if far_b > REOPEN_D2:
            _reopen(child, x, p, BALLISTIC, env, noise, work)
            ln_l, far_l = update_state(y[LEVEL], q[LEVEL], True, not has_height, z, var, sensor, env, work)
        else:
            ln_l = ln_b
    elif models == RUN_OTHER:
        if not math.isnan(z[EL]) and (far_l > REOPEN_D2 or child["ln_round"] == -math.inf):
            _reopen(child, x, p, LEVEL, env, noise, work)
            ln_b, far_b = update_state(y[BALLISTIC], q[BALLISTIC], False, False, z, var, sensor, env, work)
        else:
            ln_b = ln_l
    if child["ln_round"] == -math.inf and child["models"] & RUN_ROUND:
        child["ln_round"] = child["ln_other"]  # the first elevation: even odds
    y[BALLISTIC, 6] = min(max(y[BALLISTIC, 6], LN_DRAG_LOW), LN_DRAG_HIGH)
    child["ln_round"] += base + ln_b
    child["ln_other"] += base + ln_l
    child["nis"] = far_b if is_round(child) else far_l
    child["has_height"], p[LEVEL, 5, 5] = has_height, climb_var
    return True


@njit(cache=True, error_model="numpy")
def predict_leaf(leaf: Rows, dt: float, env: Environment, noise: Noise, x: Floats, p: Floats, work: Floats) -> None:
    """Write the predicted states (2, 7) and covariances (2, 7, 7) of the models that run; a motor may push on."""
    y, q = leaf["x"], leaf["cov"]
    if leaf["models"] & RUN_ROUND:
        copy_state(y[BALLISTIC], q[BALLISTIC], x[BALLISTIC], p[BALLISTIC])
        predict_ballistic(x[BALLISTIC], p[BALLISTIC], dt, env, noise, work)
        if leaf["is_pushed"] and dt > 0.0 and leaf["t_ns"] - leaf["t_birth_ns"] < PUSH_NS:
            for i in range(3):
                diffuse(p[BALLISTIC], i, PUSH_Q, dt)
    if leaf["models"] & RUN_OTHER:
        copy_state(y[LEVEL], q[LEVEL], x[LEVEL], p[LEVEL])
        predict_level(x[LEVEL], p[LEVEL], dt, bool(leaf["has_height"]), noise)


@njit(cache=True, error_model="numpy")
def is_round(leaf: Rows) -> bool:
    """Tell whether the ballistic model is the likelier one of a leaf."""
    return bool(leaf["models"] & RUN_ROUND) and (
        leaf["models"] == RUN_ROUND or leaf["ln_round"] + leaf["ln_entry"] > leaf["ln_other"]
    )
