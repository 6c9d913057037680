"""One flight plainly: Butcher's method by its tableau, the rule of the step, corners and the ground by definition."""

import naive_flight
import naive_motion
import naive_spread
import numpy as np

TABLEAU = np.array(
    [
        [0, 0, 0, 0, 0, 0],
        [1 / 4, 0, 0, 0, 0, 0],
        [1 / 8, 1 / 8, 0, 0, 0, 0],
        [0, -1 / 2, 1, 0, 0, 0],
        [3 / 16, 0, 0, 9 / 16, 0, 0],
        [-3 / 7, 2 / 7, 12 / 7, -12 / 7, 8 / 7, 0],
    ]
)
WEIGHTS = np.array([7, 0, 32, 12, 32, 7]) / 90
"""Butcher, On Runge-Kutta processes of high order, 1964; order 5."""

FLIES, OK, NOT_CONVERGED, MAX_TIME, OUT_OF_TABLE, NOT_FINITE = -1, 0, 1, 2, 3, 4


def advance(y, k, h, env):
    """Return the state (6,) a step later, the accelerations (6, 3) and the states (6, 6) of the stages."""
    rates, stages = np.zeros((6, 6)), np.zeros((6, 6))
    for i in range(6):
        stages[i] = y + h * TABLEAU[i] @ rates
        rates[i] = *stages[i, 3:], *naive_motion.acceleration(*stages[i], k, env)
    return y + h * WEIGHTS @ rates, rates[:, 3:], stages


def air_speed(stage, env):
    """Return the speed through the air [m/s] and the Mach number."""
    *flow, _, inverse_sound = naive_motion.flow_of(
        *stage[:3], naive_motion.fall_of(*stage[:3], env)[0], *stage[3:], env
    )
    return np.linalg.norm(flow), np.linalg.norm(flow) * inverse_sound


def next_step(y, a, h, airspeed, scale):
    """The smaller of 0.8 s / (0.3 + 0.7 sqrt(jerk)) and what changes the speed by 15 m/s; from 1 ms to 2 s."""
    jerk = np.linalg.norm(a[5] - a[0]) / abs(h)
    slowness = max((0.3 + 0.7 * np.sqrt(jerk)) / 0.8, abs(a[5] @ y[3:]) / 15.0 / airspeed)
    return np.clip(scale / (slowness + 1e-9 / airspeed), 1e-3, 2.0)


def climb_of(y, env):
    return y[5] + (y[0] * y[3] + y[1] * y[4]) / env.earth_radius_m


class Lane:
    """One round on its way down; `fly` takes it there."""

    def __init__(self, state, env, scale, max_time_s):
        self.y, self.k, self.env, self.scale, self.max_time_s = (
            state[:6].copy(),
            np.exp(state[6]),
            env,
            scale,
            max_time_s,
        )
        self.t, self.h, self.n_back = 0.0, 0.1 * scale, 0
        self.derivatives = np.eye(6, 9)
        self.path, self.mach, self.highest = [(0.0, *self.y)], 0.0, -np.inf
        self.bounds = naive_flight.surround(self.height, self.y[5], env.ground_m, env)

    @property
    def height(self):
        return naive_motion.fall_of(*self.y[:3], self.env)[0]

    def step(self):
        """Take one step; return FLIES or the status of the end."""
        start, h = self.y, self.h
        self.y, self.a, self.stages = advance(self.y, self.k, h, self.env)
        self.nodes = [
            naive_spread.node(self.stages[i], self.k, ahead, self.env) for i, ahead in ((0, 1), (3, 0), (5, -1))
        ]
        self.lean = np.array([*start[:2] / self.env.earth_radius_m, 1.0])
        self.derivatives = naive_spread.carry(self.derivatives, self.nodes, self.lean, h, self.env)
        self.t += h
        airspeed, mach = air_speed(self.stages[5], self.env)
        self.mach, self.highest = (
            max(self.mach, mach),
            max(self.highest, naive_motion.fall_of(*self.stages[5, :3], self.env)[0]),
        )
        self.h = next_step(self.y, self.a, h, airspeed, self.scale)
        self.path.append((self.t, *self.y))
        return self.steer()

    def steer(self):
        """Shorten the next step to what lies ahead, or end the flight."""
        height, climb = self.height, climb_of(self.y, self.env)
        pull = self.a[5, 2] + self.y[3:5] @ self.y[3:5] / self.env.earth_radius_m
        end = height + self.h * climb + self.h**2 / 2 * pull
        above, below = self.bounds
        if below < end < above and self.t < self.max_time_s:
            return FLIES
        if not np.isfinite(height + climb):
            return NOT_FINITE
        if self.t >= self.max_time_s:
            return MAX_TIME
        left = (self.env.ground_m - height) / climb
        if climb < 0.0 and left < 0.05:
            if left > -0.05:
                self.land((self.env.ground_m - height) / (climb + pull * left / 2))
                return OK
            self.h, self.n_back = max(left, -2.0), self.n_back + 1
            return FLIES if self.n_back <= 12 else NOT_CONVERGED
        self.bounds = above, below = naive_flight.surround(height, climb, self.env.ground_m, self.env)
        if not below < end < above:
            t = naive_flight.time_to((above if end >= above else below) - height, climb, pull)
            self.h = t if 1e-3 < t < self.h else self.h
        return FLIES

    def land(self, dt):
        a = self.a[5]
        self.derivatives = naive_spread.leave(self.derivatives, self.nodes[2], self.lean, dt)
        self.y = np.concatenate((self.y[:3] + dt * self.y[3:] + dt**2 / 2 * a, self.y[3:] + dt * a))
        self.t += dt
        self.path[-1] = (self.t, *self.y)


def fly(state, env, scale, max_time_s):
    """Return the lane at the end of its flight, and the status."""
    lane = Lane(state, env, scale, max_time_s)
    status = FLIES
    with np.errstate(all="ignore"):
        while status == FLIES:
            status = lane.step()
    return lane, status


def fly_path(state, env, scale, max_time_s):
    """Return rows of the path, status, height over the ground at the start, greatest height and Mach number."""
    over = naive_motion.fall_of(*state[:3], env)[0] - env.ground_m
    if not over >= -1e-3:
        return np.array([(0.0, *state[:6])]), NOT_FINITE, over, -np.inf, 0.0
    lane, status = fly(state, env, scale, max_time_s)
    return np.array(lane.path), status, over, lane.highest, lane.mach
