"""The loops of the batch plainly: rows of all lanes at once in numpy, the method by its tableau.

Each takes the rows (46, W) and returns what changes: row number -> value.
"""

import naive_motion
import naive_single
import numpy as np

from casemate.kernels import lanes as at

A, B = naive_single.TABLEAU, naive_single.WEIGHTS
KEPT = (at.A1, at.A2, at.A3, at.A4, at.A5, at.A)
"""Where the accelerations of stage 0 to 5 are in the end; that of the stage before is in A until it is kept."""


def three(rows, q):
    return rows[q : q + 3]


def vector(q, values):
    return {q + i: values[i] for i in range(3)}


def kept(rows, n):
    """Accelerations (n, 3, W) of the first n stages, the last of them not yet kept."""
    return np.array([three(rows, KEPT[i]) for i in range(n - 1)] + [three(rows, at.A)] * (n > 0))


def arrange(rows, stage):
    x, v, h, a = three(rows, at.E), three(rows, at.VE), rows[at.STEP], kept(rows, stage)
    weights = A[stage, :stage]
    squares = (A @ A)[stage, :stage]
    new = vector(at.PE, x + h * A[stage].sum() * v + h**2 * np.tensordot(squares, a, 1) if stage else x)
    new |= vector(at.QE, v + h * np.tensordot(weights, a, 1) if stage else v)
    return new | (vector(KEPT[stage - 1], three(rows, at.A)) if stage else {})


def finish(rows, scale):
    x, v, h, a = three(rows, at.E), three(rows, at.VE), rows[at.STEP], kept(rows, 6)
    end = v + h * np.tensordot(B, a, 1)
    new = vector(at.E, x + h * v + h**2 * np.tensordot(B @ A, a, 1)) | vector(at.VE, end)
    new[at.TIME] = rows[at.TIME] + h
    steps = [
        naive_single.next_step(np.append(x[:, l], end[:, l]), a[:, :, l], h[l], rows[at.SPEED, l], scale)
        for l in range(at.W)
    ]
    return new | vector(at.STEP, [np.array(steps)] * 3)


def air_cell(height, env):
    top = env.air.size / 5 - 1
    return np.clip((height + env.site_height_m - env.air_z0_m) / env.air_dz_m, 0.0, top)


def weigh(rows, env):
    """Gravity, Coriolis and height, on either Earth."""
    p, v = three(rows, at.PE), three(rows, at.QE)
    turn = np.zeros(3) if env.is_flat else np.array([0.0, *env.earth[11:13]])
    falls = np.array([naive_motion.fall_of(*p[:, l], env) for l in range(at.W)]).T
    new = vector(at.A, falls[1:] - 2 * np.cross(turn, v.T).T)
    return new | {at.HEIGHT: falls[0], at.CELL: air_cell(falls[0], env)}


def breathe(rows, env):
    height = env.air_z0_m + env.air_dz_m * rows[at.CELL]
    found = np.array([naive_motion.air_at(h, env) for h in height]).T
    return {at.RHO: found[0], at.SOUND: found[1]}


def feel_wind(rows, env):
    height = env.air_z0_m + env.air_dz_m * rows[at.CELL]
    found = np.array([naive_motion.air_at(h, env) for h in height]).T
    return {at.WE: found[2], at.WN: found[3]}


def lean(rows, env):
    new = []
    for l in range(at.W):
        east, north = naive_motion.local_axes(*three(rows, at.PE)[:, l], env)
        new.append(three(rows, at.QE)[:, l] - rows[at.WE, l] * east - rows[at.WN, l] * north)
    return vector(at.QE, np.array(new).T)


def pace(rows, env):
    speed = np.linalg.norm(three(rows, at.QE), axis=0)
    cell = np.clip(160 * speed * rows[at.SOUND], 0.0, env.drag.size / 4 - 1)
    return {at.SPEED: speed, at.CELL: cell, at.RHO: -rows[at.RHO] * speed * rows[at.K] / 2}


def shape(rows, env):
    return {at.SHAPE: np.array([naive_motion.drag_shape(x / 160, env) for x in rows[at.CELL]])}


def brake(rows):
    return vector(at.A, three(rows, at.A) + rows[at.RHO] * rows[at.SHAPE] * three(rows, at.QE))


def look_ahead(rows, radius_m, max_time_s, height_top, drag_top):
    level, speed = rows[at.E : at.U], rows[at.VE : at.VU]
    climb = rows[at.VU] + (level * speed).sum(axis=0) / radius_m
    pull = rows[at.A + 2] + (speed**2).sum(axis=0) / radius_m
    end = rows[at.HEIGHT] + rows[at.STEP] * climb + rows[at.STEP] ** 2 / 2 * pull
    stays = (rows[at.BELOW] < end) & (end < rows[at.ABOVE]) & (rows[at.TIME] < max_time_s)
    stays &= (rows[at.HEIGHT] <= height_top) & (rows[at.CELL] < drag_top)
    return {at.FLAG: np.where(stays, 0.0, 1.0)}
