"""The exact flight, plainly: vectors, and the textbook form of the Runge-Kutta method."""

import itertools

import naive_air
import naive_earth
import numpy as np


def flow_of(s, earth, body):
    r = np.array(s[:3])
    sin_lat, cos_lat, h, p = naive_earth.vertical_of(*r, earth.a_m, earth.e2)
    east = np.array([-r[1], r[0], 0.0]) / p
    north = np.array([-sin_lat * r[0] / p, -sin_lat * r[1] / p, cos_lat])
    toward_east, toward_north = naive_air.wind_at(h, body.air)
    return (*(np.array(s[3:]) - toward_east * east - toward_north * north), *naive_air.air_at(h, body.air))


def mach_many(states, earth, body, out):
    for i, s in enumerate(states):
        *w, _, inv_a = flow_of(s, earth, body)
        out[i] = np.linalg.norm(w) * inv_a


def acceleration_of(s, thrust_n, mass_kg, earth, body):
    r, v = np.array(s[:3]), np.array(s[3:])
    turn = np.array([0.0, 0.0, earth.omega_radps])
    *w, rho, inv_a = flow_of(s, earth, body)
    speed = np.linalg.norm(w)
    x = min(speed * inv_a * 160.0, len(body.cd) - 1)
    cd = np.polyval(body.cd[int(x)][::-1], x - int(x))
    total = np.array(naive_earth.gravity_at(*r, earth)) - np.cross(turn, np.cross(turn, r)) - 2.0 * np.cross(turn, v)
    total += (thrust_n / speed - 0.5 * rho * speed * cd * body.area_m2) / mass_kg * np.array(w)
    return tuple(total)


def motor_at(t_s, i_burn, body):
    if i_burn < 0:
        return 0.0, body.mass_kg
    knots, thrusts = body.burn[:, 0], body.burn[:, 1]
    thrust = np.interp(t_s, knots, thrusts)
    until = np.append(knots[knots < t_s], t_s)
    used = np.trapezoid(np.interp(until, knots, thrusts), until) / np.trapezoid(thrusts, knots)
    return thrust, body.mass_kg + body.propellant_kg * (1.0 - used)


def guided_acceleration_of(s, thrust_n, mass_kg, rail, earth, body):
    if not np.any(rail):
        return acceleration_of(s, thrust_n, mass_kg, earth, body)
    along = np.dot(acceleration_of(s, 0.0, mass_kg, earth, body), rail) + thrust_n / mass_kg
    return tuple(along * np.array(rail))


def rate(t, s, i_burn, rail, earth, body):
    return np.concatenate((s[3:], guided_acceleration_of(s, *motor_at(t, i_burn, body), rail, earth, body)))


def step(t, s, dt, i_burn, rail, earth, body):
    k1 = rate(t, s, i_burn, rail, earth, body)
    k2 = rate(t + dt / 2, s + dt / 2 * k1, i_burn, rail, earth, body)
    k3 = rate(t + dt / 2, s + dt / 2 * k2, i_burn, rail, earth, body)
    k4 = rate(t + dt, s + dt * k3, i_burn, rail, earth, body)
    return s + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def height_of(s, earth):
    sin_lat, cos_lat, h, p = naive_earth.vertical_of(*s[:3], earth.a_m, earth.e2)
    return h, np.dot(s[3:], [cos_lat * s[0] / p, cos_lat * s[1] / p, sin_lat])


def gap_of(s, stop, target, start, rail, earth):
    if stop == 3:
        return target - np.dot(s[:3] - start[:3], rail)
    return target - np.linalg.norm(s[3:]) if stop == 2 else height_of(s, earth)[0] - target


def bisect(gap, dt):
    low, high, was = 0.0, dt, gap(0.0)
    for _ in range(80):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if gap(middle) * was > 0.0 else (low, middle)
    return 0.5 * (low + high)


def fly(start, t, t_end, dt_s, burn_dt_s, stop, target, rail, earth, body, out):
    out[0] = t, *start
    n, s, at_top = 1, np.array(start), False
    start, sense, knots = s.copy(), np.sign(dt_s), body.burn[:, 0] if len(body.burn) else np.array([np.inf])
    while n < len(out):
        if (t_end - t) * sense <= 1e-12:
            return n, 2
        is_burning = knots[0] <= t < knots[-1] if sense > 0 else knots[0] < t <= knots[-1]
        ahead = [k for k in (*knots, t_end) if (k - t) * sense > 0.0]
        until = min(ahead, key=lambda k: abs(k - t))
        dt = burn_dt_s if is_burning else dt_s
        dt = until - t if abs(until - t) <= abs(dt) + 1e-12 else dt
        i_burn = int(np.searchsorted(knots, t + 0.5 * dt) - 1) if is_burning else -1

        def move(share, t=t, s=s, i_burn=i_burn):
            return step(t, s, share, i_burn, rail, earth, body)

        corner = naive_air.first_break(height_of(s, earth)[0], height_of(move(dt), earth)[0], body.air)
        if np.isfinite(corner):
            dt = bisect(lambda share, corner=corner: height_of(move(share), earth)[0] - corner, dt)
        end = move(dt)
        climb = height_of(end, earth)[1]
        is_over = stop > 0 and gap_of(end, stop, target, start, rail, earth) <= 0.0
        is_over = is_over and (stop == 3 or climb * (sense if stop == 1 else -1.0) < 0.0)
        if is_over and stop == 1 and not at_top and height_of(s, earth)[1] * sense > 0.0:
            dt, at_top = bisect(lambda share: height_of(move(share), earth)[1], dt), True
            end = move(dt)
            is_over = gap_of(end, stop, target, start, rail, earth) <= 0.0
        elif is_over and gap_of(s, stop, target, start, rail, earth) > 0.0:
            dt = bisect(lambda share: gap_of(move(share), stop, target, start, rail, earth), dt)
            end = move(dt)
        t, s = (until if dt == until - t else t + dt), end
        out[n] = t, *s
        n += 1
        if is_over:
            return n, 0
        if stop == 3 and np.dot(s[3:], rail) <= 0.0:
            return n, 1
    return n, 2


def lift_off(start, rail, earth, body):
    s = np.concatenate((start[:3], np.zeros(3)))

    def push(t, i):
        return np.dot(guided_acceleration_of(s, *motor_at(t, i, body), rail, earth, body), rail)

    for i, (low, high) in enumerate(itertools.pairwise(body.burn[:, 0])):
        for t in np.linspace(low, high, 50):  # more than two looks per stretch
            if push(t, i) > 0.0:
                return (
                    t
                    if t == low
                    else t
                    - (high - low) / 49
                    + bisect(lambda dt, i=i, t=t - (high - low) / 49: push(t + dt, i), (high - low) / 49)
                )
    return -1.0
