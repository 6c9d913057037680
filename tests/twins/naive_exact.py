"""The exact flight, plainly: vectors, and the textbook form of the Runge-Kutta method."""

import naive_earth
import numpy as np


def acceleration_of(s, burn_left, earth, body):
    r, v = np.array(s[:3]), np.array(s[3:])
    sin_lat, cos_lat, h, p = naive_earth.vertical_of(*r, earth.a_m, earth.e2)
    turn = np.array([0.0, 0.0, earth.omega_radps])
    east = np.array([-r[1], r[0], 0.0]) / p
    north = np.array([-sin_lat * r[0] / p, -sin_lat * r[1] / p, cos_lat])
    wind = np.interp(h, body.wind_z, body.wind[:, 0]) * east + np.interp(h, body.wind_z, body.wind[:, 1]) * north
    rho, inv_a = naive_earth.density_and_sound_of(h)
    w = v - wind
    x = np.linalg.norm(w) * inv_a / body.cd_dm
    j = int(min(x, len(body.cd) - 2))
    t = min(x - j, 1.0)
    (a, da), (b, db) = body.cd[j], body.cd[j + 1]
    cd = (
        a * (1 + 2 * t) * (1 - t) ** 2 + da * t * (1 - t) ** 2 + b * t * t * (3 - 2 * t) + db * t * t * (t - 1)
    )  # Hermite's basis
    mass = 1.0 + (body.mass_ratio - 1.0) * burn_left
    total = np.array(naive_earth.gravity_at(*r, earth)) - np.cross(turn, np.cross(turn, r)) - 2.0 * np.cross(turn, v)
    total -= 0.5 * rho * np.linalg.norm(w) * cd * body.area_per_mass / mass * w
    if burn_left > 0.0:
        total += body.thrust_mps2 / mass * v / np.linalg.norm(v)
    return tuple(total)


def step(t, s, dt, is_burning, earth, body):
    def rate(at, y):
        left = max(1.0 - at / body.burn_s, 1e-12) if is_burning else 0.0
        return np.concatenate((y[3:], acceleration_of(y, left, earth, body)))

    k1 = rate(t, s)
    k2 = rate(t + dt / 2, s + dt / 2 * k1)
    k3 = rate(t + dt / 2, s + dt / 2 * k2)
    k4 = rate(t + dt, s + dt * k3)
    return s + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def gap(s, stop, target, earth):
    sin_lat, cos_lat, h, p = naive_earth.vertical_of(*s[:3], earth.a_m, earth.e2)
    climb = np.dot(s[3:], [cos_lat * s[0] / p, cos_lat * s[1] / p, sin_lat])
    return (h - target if stop == 1 else target - np.linalg.norm(s[3:])), climb


def fly(start, t_s, t_end_s, dt_s, is_burning, stop, target, earth, body, out):
    t, s, n, sense = t_s, np.array(start), 1, np.sign(dt_s)
    out[0] = t, *s
    while n < len(out):
        if (t_end_s - t) * sense <= 1e-12:
            return n, 2
        dt = t_end_s - t if abs(t_end_s - t) < abs(dt_s) else dt_s
        end = step(t, s, dt, is_burning, earth, body)
        over, climb = gap(end, stop, target, earth)
        is_over = stop > 0 and over <= 0.0 and climb * (sense if stop == 1 else -1.0) < 0.0
        if is_over and gap(s, stop, target, earth)[0] > 0.0:
            low, high = 0.0, dt
            for _ in range(80):  # bisection
                middle = 0.5 * (low + high)
                end = step(t, s, middle, is_burning, earth, body)
                low, high = (middle, high) if gap(end, stop, target, earth)[0] > 0.0 else (low, middle)
            dt = 0.5 * (low + high)
        t, s = t + dt, end
        out[n] = t, *s
        n += 1
        if is_over:
            return n, 0
    return n, 2


def sample(start, times, dt_s, earth, body, out):
    s = np.array(start)
    out[0] = s
    for i in range(1, len(times)):
        n = int(np.ceil((times[i] - times[i - 1]) / dt_s - 1e-9))
        for _ in range(n):
            s = step(0.0, s, (times[i] - times[i - 1]) / n, False, earth, body)
        out[i] = s
