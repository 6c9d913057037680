"""The derivatives of a flight plainly: matrices, and the textbook form of the Runge-Kutta method of order 4."""

from typing import NamedTuple

import naive_motion
import numpy as np


class Node(NamedTuple):
    """Derivatives of the drag's acceleration at one state."""

    drag: np.ndarray  # (3,) by ln K
    by_h: np.ndarray  # (3,)
    by_v: np.ndarray  # (3, 3)


def slope_of_air(h_msl, inside, env):
    """Return relative slope of density, slopes of 1 / speed of sound and of the wind (e, n), by metre.

    Those of the air a twentieth of a cell to one side, those of the wind a cell.
    """
    x = (h_msl - env.air_z0_m) / env.air_dz_m
    (r0, r1, r2, _, a1), w = naive_motion.cell_of(x + 0.05 * inside, env.air, 5)
    (_, e1, _, n1), _ = naive_motion.cell_of(x + inside, env.wind, 4)
    return np.array([np.polyval([2 * r2, r1], w) / np.polyval([r2, r1, r0], w), a1, e1, n1]) / env.air_dz_m


def slope_of_drag(mach, env):
    row, w = naive_motion.cell_of(160 * mach, env.drag, 4)
    return 160 * np.polyval(np.polyder(row[::-1]), w)


def node_of(w, k, shape, steep, inverse_sound, slopes):
    """Return the node for a velocity through the air w (3,), a = -k w, and what the tables say."""
    thin, soft, *shear = slopes
    s = np.linalg.norm(w)
    by_v = -k * np.eye(3) - k * (1 / s + steep / shape * inverse_sound) * np.outer(w, w) / s
    by_h = -k * w * (thin + steep / shape * s * soft) - by_v @ [*shear, 0.0]
    return Node(-k * w, by_h, by_v)


def node(state, drag_parameter, ahead, env):
    """Return the node of a state; `ahead` is 1 at the start of a step, 0 in the middle, -1 at its end."""
    height = naive_motion.fall_of(*state[:3], env)[0]
    *w, density, inverse_sound = naive_motion.flow_of(*state[:3], height, *state[3:], env)
    mach = np.linalg.norm(w) * inverse_sound
    shape = naive_motion.drag_shape(mach, env)
    k = 0.5 * density * np.linalg.norm(w) * drag_parameter * shape
    slopes = slope_of_air(height + env.site_height_m, ahead if w[2] > 0.0 else -ahead, env)
    return node_of(np.array(w), k, shape, slope_of_drag(mach, env), inverse_sound, slopes)


def rate(x, at, lean, stiff, turn):
    """Return the time derivative of x (6, 9)."""
    a = np.zeros((6, 6))
    a[:3, 3:] = np.eye(3)
    a[3:, :3] = np.outer(at.by_h, lean) + stiff * (3 * np.outer(lean, lean) - np.eye(3))
    a[3:, 3:] = at.by_v - 2 * np.cross(turn, np.eye(3)).T
    b = np.zeros((6, 9))
    b[3:, 6], b[3:, 7], b[3:, 8] = at.drag, -at.by_v[:, 0], -at.by_v[:, 1]
    return a @ x + b


def carry(x, nodes, lean, dt, env):
    stiff, turn = env.gravity_mps2 / env.earth_radius_m, np.array([0.0, *env.earth[11:13]])
    k1 = rate(x, nodes[0], lean, stiff, turn)
    k2 = rate(x + dt / 2 * k1, nodes[1], lean, stiff, turn)
    k3 = rate(x + dt / 2 * k2, nodes[1], lean, stiff, turn)
    k4 = rate(x + dt * k3, nodes[2], lean, stiff, turn)
    return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def board():
    return np.eye(6, 9)


def leave(x, last, lean, dt):
    """Along a parabola whose acceleration is that of the last node."""
    a = rate(x, last, lean, 0.0, np.zeros(3))[3:]
    return np.concatenate((x[:3] + dt * x[3:] + dt**2 / 2 * a, x[3:] + dt * a))
