"""What lies ahead of a step, and how the impact follows from the state at the end, by definition."""

import naive_motion
import naive_terrain
import numpy as np


def surround(height_m, climb, ground_m, env):
    """Heights that a step must not pass; a corner within 2 m ahead counts as passed."""
    corners = env.corners_m - env.site_height_m
    passed = corners <= height_m + (2.0 if climb > 0.0 else -2.0)
    is_under = height_m < ground_m - 2.0 and climb > 0.0
    above = min(corners[~passed], default=np.inf)
    below = max(corners[passed], default=-np.inf)
    return (min(above, ground_m), max(below, height_m - 2.0)) if is_under else (above, max(below, ground_m))


def time_to(gap_m, climb, pull):
    """The root of climb t + pull t^2 / 2 = gap nearest to 0."""
    roots = np.roots([pull / 2, climb, -gap_m])
    real = roots[np.isreal(roots)].real
    return min(real, key=abs, default=np.nan)


def height_over_ground(y, ground_m, terrain, env):
    if terrain is not None:
        ground, height, _ = naive_terrain.surface_at(*y[:3], terrain)
        return height - ground
    return naive_motion.fall_of(*y[:3], env)[0] - ground_m


def to_ground(x, y, env):
    """Derivatives (3, 9) of east, north and time at the level ground from those of the state at the end (6, 9)."""
    up = np.array([*y[:2] / env.earth_radius_m, 1.0])
    late = -up @ x[:3] / (up @ y[3:])
    return np.vstack((x[:2] + np.outer(y[3:5], late), late))
