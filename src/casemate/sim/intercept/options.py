"""When a gun's burst could meet a round, by the tracker's estimate: a few bursts for each gun and threat.

Worked out for many rounds and guns at once, when a track was renewed; they hold until it is renewed again. Whether a
gun is free then, and what is best, is for `horizon`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.model.catalog import RoundClass
from casemate.model.records import Records
from casemate.physics.ballistics import propagate
from casemate.physics.environment import Environment
from casemate.sim.intercept.aim import carry, meet
from casemate.sim.intercept.horizon import Duty
from casemate.sim.intercept.mount import Mount

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
MayFire = Callable[[int, int, Floats, float, Floats, Floats], Bools]
"""Of a gun and a track, tells which bursts (k,) may be fired: fire_s from now, how long, az_rad, el_rad."""

OPTION: Final = np.dtype(
    [
        ("gun_id", "i8"),
        ("track_id", "i8"),
        ("t_fire_ns", "i8"),
        ("t_meet_ns", "i8"),
        ("az_rad", "f8"),
        ("el_rad", "f8"),
        ("n_rounds", "i8"),
        ("p_kill", "f8"),
    ]
)
"""A burst that could be fired; its middle meets the round at `t_meet_ns`."""

LOOK_S: Final = np.arange(0.0, 10.0, 0.2)
"""Times ahead at which an intercept is considered [s]: slew (at most 3 s), burst (2 s) and flight (4 s) fit in 10 s."""

_EVERY: Final = 4
"""Of the looks at which a gun could meet a round, each fourth is an option, the first and the last among them."""

_CLEAR_M: Final = 20.0
"""No intercept is planned lower than this over the ground [m]; an assumption of the simulation."""


class Aloft(NamedTuple):
    """A round that is to be met."""

    row: np.void  # TRACK
    left_s: float  # until it comes down
    body: RoundClass | None


class _Flown(NamedTuple):
    """Rounds (n,) at all looks, and from where they come."""

    path: Floats  # (n, looks, 7)
    age_s: Floats  # (n,) of the estimate
    is_aloft: Bools  # (n, looks)


def options_of(
    mounts: Sequence[Mount], t_ns: int, rounds: Mapping[int, Aloft], air: Environment, may_fire: MayFire | None
) -> Records:
    """Return bursts that guns could fire at rounds from now on (k,), by gun and track.

    Parameters
    ----------
    mounts : sequence of Mount
    t_ns : int
        Now.
    rounds : mapping of int to Aloft
        By track.
    air : Environment
        As the fire control believes it.
    may_fire : callable or None
        What rules bar.

    Notes
    -----
    The probability of a kill takes the estimate at the trigger to be as good as it is now: it mostly gets better.
    """
    if not rounds:
        return np.zeros(0, OPTION)
    flown = _fly(t_ns, list(rounds.values()), air)
    found = [_of_gun(i, mount, t_ns, rounds, flown, may_fire) for i, mount in enumerate(mounts)]
    return np.concatenate(found)


def _fly(t_ns: int, rounds: Sequence[Aloft], air: Environment) -> _Flown:
    n, states = len(rounds), np.array([each.row["state"] for each in rounds])
    age_s = np.array([(t_ns - int(each.row["t_ns"])) / NS_PER_S for each in rounds])
    ahead_s = (age_s[:, None] + LOOK_S).ravel()
    path = propagate(np.repeat(states, LOOK_S.size, axis=0), ahead_s, air).reshape(n, LOOK_S.size, -1)
    height = path[:, :, 2] + (path[:, :, 0] ** 2 + path[:, :, 1] ** 2) / (2.0 * air.earth_radius_m) - air.ground_m
    left_s = np.array([each.left_s for each in rounds])
    return _Flown(path, age_s, (left_s[:, None] > LOOK_S) & (height > _CLEAR_M))


def _of_gun(
    gun_id: int, mount: Mount, t_ns: int, rounds: Mapping[int, Aloft], flown: _Flown, may_fire: MayFire | None
) -> Records:
    kind, ids, bodies = mount.kind, list(rounds), list(rounds.values())
    shape = flown.is_aloft.shape
    n_rounds = min(kind.n_burst, mount.n_ready(max(t_ns, mount.free_ns)))
    if n_rounds <= 0:
        return np.zeros(0, OPTION)
    az, el, range_m = (each.reshape(shape) for each in mount.look(flown.path[:, :, :3].reshape(-1, 3)))
    fire_s = LOOK_S - mount.shots.lever(range_m).flight_s - float(np.mean(kind.rounds_s(n_rounds)))
    idle_s = max(mount.free_ns - t_ns, 0) / NS_PER_S
    ready_s = idle_s + (mount.turn_s(az, el) if idle_s <= 0.0 else kind.settle_s)  # if busy, it is not known from where
    can = flown.is_aloft & mount.covers(el, range_m) & (fire_s >= ready_s)
    if may_fire is not None:
        for j in np.flatnonzero(can.any(axis=1)).tolist():
            k = np.flatnonzero(can[j])
            can[j, k] = may_fire(gun_id, ids[j], fire_s[j, k], kind.burst_s(n_rounds), az[j, k], el[j, k])
    nth = np.cumsum(can, axis=1)
    can &= ((nth - 1) % _EVERY == 0) | (nth == nth[:, -1:])
    j, k = np.nonzero(can)
    out = np.zeros(j.size, OPTION)
    if not j.size:
        return out
    out["gun_id"], out["track_id"] = gun_id, np.array(ids)[j]
    out["t_fire_ns"] = t_ns + np.rint(fire_s[j, k] * NS_PER_S).astype(np.int64)
    out["t_meet_ns"] = t_ns + np.rint(LOOK_S[k] * NS_PER_S).astype(np.int64)
    out["az_rad"], out["el_rad"] = az[j, k], el[j, k]
    out["n_rounds"] = n_rounds
    out["p_kill"] = _p_kill(mount, flown, bodies, j, k, LOOK_S[k] - fire_s[j, k], n_rounds)
    return out


def _p_kill(
    mount: Mount, flown: _Flown, rounds: Sequence[Aloft], j: NDArray[np.intp], k: NDArray[np.intp], told_s: Floats,
    n_rounds: int,
) -> Floats:  # fmt: skip
    """Return the quick probability of each burst, the estimate carried from its trigger, less the lag, on."""
    there, since_s = flown.path[j, k], flown.age_s[j] + LOOK_S[k]
    dt_s = told_s + mount.kind.lag_s
    before = np.array([each.row["state"][3:6] for each in rounds])[j]
    start = there[:, 3:6] - (there[:, 3:6] - before) * np.minimum(dt_s / np.maximum(since_s, 1e-6), 1.0)[:, None]
    cov = carry(np.array([each.row["cov"] for each in rounds])[j], dt_s, start, there[:, 3:6])
    out, names = np.empty(j.size), np.array(["" if each.body is None else each.body.name for each in rounds])[j]
    for name in np.unique(names):
        of = np.flatnonzero(names == name)
        body = rounds[int(j[of[0]])].body
        args = (there[of, :3], there[of, 3:6], cov[of], n_rounds, body)
        out[of] = meet(mount.shots, mount.place_m, *args).p_quick()
    return np.clip(out, 0.0, 1.0)


def p_kill_exact(
    mount: Mount, row: np.void, ahead_s: float, n_rounds: int, body: RoundClass | None, air: Environment
) -> float:
    """Return the probability that a burst kills which meets a tracked round so long after its estimate [s]."""
    there = propagate(np.array(row["state"])[None], np.array([ahead_s]), air)
    cov = carry(row["cov"], np.array([ahead_s]), row["state"][3:6], there[:, 3:6])
    return meet(mount.shots, mount.place_m, there[:, :3], there[:, 3:6], cov, n_rounds, body).p_exact(0)


def may_reach(mount: Mount, state: Floats) -> bool:
    """Tell whether a round could come into a gun's range within the look-ahead (speeding up by 10 m/s2 at most)."""
    far_m, ahead_s = float(np.linalg.norm(state[:3] - mount.place_m)), float(LOOK_S[-1])
    return far_m <= mount.kind.range_m[1] + (float(np.linalg.norm(state[3:6])) + 10.0 * ahead_s) * ahead_s


def duty_of(mount: Mount, t_ns: int) -> Duty:
    """Return what a gun can do from now on."""
    kind, free_s = mount.kind, max(mount.free_ns - t_ns, 0) / NS_PER_S
    n_most = -(-mount.n_ready(max(t_ns, mount.free_ns)) // kind.n_burst)
    train, elevate = math.radians(kind.slew_train_degps), math.radians(kind.slew_elevate_degps)
    return Duty(free_s, mount.az_rad, mount.el_rad, train, elevate, kind.settle_s, n_most)
