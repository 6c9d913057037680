"""The spinning shell, plainly: vectors, and the yaw of repose by repeating its implicit equation until it stands."""

import naive_air
import naive_exact
import numpy as np


def spinning_rate_of(s, earth, body, gyro):
    p = s[6]
    point_mass = np.array(naive_exact.acceleration_of(s[:6], 0.0, body.mass_kg, earth, body))
    *w, rho, inv_a = naive_exact.flow_of(s[:6], earth, body)
    w = np.array(w)
    speed = np.linalg.norm(w)
    u, mach = w / speed, speed * inv_a
    d, per_mass = gyro.calibre_m, 0.5 * rho * body.area_m2 / body.mass_kg
    at = np.arange(len(gyro.slopes)) / 160.0
    moment, lift, damp, magnus, yaw_drag = (np.interp(mach, at, column) for column in gyro.slopes.T)
    yaw, a = np.zeros(3), point_mass
    for _ in range(15):  # a round leaves k lift of the error, less than a tenth
        yaw = -gyro.inertia_m2 * p * np.cross(w, a) / (per_mass * d * moment * speed**4)
        a = (
            point_mass
            + per_mass * speed**2 * lift * yaw
            - per_mass * d * p * magnus * np.cross(yaw, w)
            - per_mass * speed**2 * yaw_drag * (yaw @ yaw) * u
        )
    return (*a, per_mass * d**2 * p * speed * damp / gyro.inertia_m2, *yaw, mach)


def step(s, dt, earth, body, gyro):
    def rate(y):
        a = spinning_rate_of(y, earth, body, gyro)
        return np.array([*y[3:6], *a[:4]])

    k1 = rate(s)
    k2 = rate(s + dt / 2 * k1)
    k3 = rate(s + dt / 2 * k2)
    k4 = rate(s + dt * k3)
    return s + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def fly_spinning(start, t_end_s, dt_s, ground_m, earth, body, gyro, out):
    t, s, n, sense = 0.0, np.array(start), 0, np.sign(dt_s)
    status, at_top = None, False
    while n < len(out):
        rate = spinning_rate_of(s, earth, body, gyro)
        out[n] = t, *s, *rate[4:]
        n += 1
        if status is not None:
            return n, status
        yaw = np.linalg.norm(rate[4:7])
        if not np.isfinite(yaw + np.sum(s)):
            return n, 4
        if rate[7] > (len(gyro.slopes) - 1) / 160.0 or yaw > gyro.yaw_limit_rad:
            return n, 3
        if (t_end_s - t) * sense <= 1e-12:
            return n, 2
        dt = t_end_s - t if abs(t_end_s - t) < abs(dt_s) else dt_s

        def height_after(share, s=s):
            return naive_exact.height_of(step(s, share, earth, body, gyro)[:6], earth)[0]

        before = naive_exact.height_of(s[:6], earth)[0]
        corner = naive_air.first_break(before, height_after(dt), body.air)
        if not np.isnan(corner):
            dt = naive_exact.bisect(lambda share, corner=corner: height_after(share) - corner, dt)

        def climb_after(share, s=s):
            return naive_exact.height_of(step(s, share, earth, body, gyro)[:6], earth)[1]

        if height_after(dt) <= ground_m and climb_after(dt) * sense < 0.0:
            if climb_after(0.0) * sense > 0.0 and not at_top:
                dt, at_top = naive_exact.bisect(climb_after, dt), True
                status = 0 if height_after(dt) <= ground_m else None
            elif before > ground_m:
                dt, status = naive_exact.bisect(lambda share: height_after(share) - ground_m, dt), 0
        t, s = t + dt, step(s, dt, earth, body, gyro)
    return n, 2
