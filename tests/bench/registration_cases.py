"""Two radars that look at the same aircraft, with and without offsets; and the Cramer-Rao bound of their offsets.

The bound is worked out from the geometry alone, by one dense information matrix over the offsets and every
aircraft's straight flight; it shares no line with `tracking.offsets`.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from casemate.constants import NS_PER_S
from casemate.model.catalog import EnvironmentSettings, RadarSite
from casemate.model.messages import Scan
from casemate.model.records import PLOT, missing
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import sensor_models
from casemate.tracking.offsets import Offsets, Sights
from casemate.tracking.registration import SIGMA_FAULT

FRAME = SiteFrame(43.0, 18.0, 300.0)
ENVIRONMENT = build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"), None, None)
T0_NS = 1_700_000_000 * NS_PER_S
SECTORS = 8
DEG_M = 111_000.0


class Case(NamedTuple):
    """A geometry: two radars along an east-west line, aircraft about them."""

    name: str
    apart_m: float
    period_s: tuple[float, float]
    sigma_az_deg: float
    reach_m: float  # aircraft begin inside this of the middle
    sigma_range_m: float = 30.0
    declared: bool = True  # offsets of their size are declared


CASES = (
    Case("20 km apart, 1 s, 0.15 deg", 20e3, (1.0, 1.0), 0.15, 25e3),
    Case("20 km apart, 4 s, 0.10 deg", 20e3, (4.0, 4.0), 0.10, 25e3),
    Case("10 km apart, 1 s and 4 s, 0.20 deg", 10e3, (1.0, 4.0), 0.20, 20e3),
    Case("35 km apart, 2 s, 0.20 deg", 35e3, (2.0, 2.0), 0.20, 30e3),
)
BIAS = np.array([60.0, math.radians(0.3), 0.0, 0.150])
"""Of the second radar: range [m], azimuth, elevation [rad], time [s]."""
NONE = np.zeros((2, 4))
TWO = np.stack([np.zeros(4), BIAS])


def radars_of(case: Case) -> tuple[RadarSite, ...]:
    """Declare the two radars of a case."""
    noise = {
        "sigma_range_m": case.sigma_range_m,
        "sigma_azimuth_deg": case.sigma_az_deg,
        "sigma_elevation_deg": case.sigma_az_deg,
        "range_m": (500.0, 80_000.0),
        "elevation_deg": (0.2, 70.0),
        "false_plots_per_scan": 5.0,
    }
    if case.declared:
        noise |= {"sigma_bias_range_m": 60.0, "sigma_bias_azimuth_deg": 0.3, "sigma_bias_elevation_deg": 0.1}
    half = 0.5 * case.apart_m / (DEG_M * math.cos(math.radians(43.0)))
    place = {"lat_deg": 43.0, "height_m": 320.0}
    return (
        RadarSite(name="west", lon_deg=18.0 - half, scan_period_s=case.period_s[0], **place, **noise),
        RadarSite(name="east", lon_deg=18.0 + half, scan_period_s=case.period_s[1], **place, **noise),
    )


def sensors_of(case: Case):
    """Return the radars in the site's frame."""
    return sensor_models(radars_of(case), FRAME)


def aircraft(rng, n, reach_m):
    """Draw straight level flights: places at the middle of the minute (n, 3) [m] and velocities (n, 3) [m/s]."""
    r, az = reach_m * np.sqrt(rng.uniform(0.05, 1.0, n)), rng.uniform(0.0, 2.0 * math.pi, n)
    head, speed = rng.uniform(0.0, 2.0 * math.pi, n), rng.uniform(100.0, 250.0, n)
    pos = np.stack([r * np.sin(az), r * np.cos(az), rng.uniform(2e3, 9e3, n)], axis=1)
    vel = np.stack([speed * np.sin(head), speed * np.cos(head), np.zeros(n)], axis=1)
    return pos - 30.0 * vel, vel


def turning(pos, vel, load_g, turn_s=20.0):
    """Return a path of (t [s] (k,)) -> places and velocities that turns by a load, one way and then the other."""
    speed = np.linalg.norm(vel, axis=1)
    rate = load_g * 9.81 / speed
    head0 = np.arctan2(vel[:, 0], vel[:, 1])
    fine = np.arange(-1.0, 3601.0, 0.05)
    sign = np.where((fine // turn_s) % 2 == 0, 1.0, -1.0)
    swept = np.concatenate([[0.0], np.cumsum(sign[:-1] * 0.05)])
    head = head0[:, None] + rate[:, None] * swept
    v = speed[:, None, None] * np.stack([np.sin(head), np.cos(head), np.zeros_like(head)], axis=2)
    p = pos[:, None] + np.cumsum(v * 0.05, axis=1)

    def at(i, t_s):
        k = (t_s + 1.0) / 0.05
        low = int(k)
        f = k - low
        return (1 - f) * p[i, low] + f * p[i, low + 1], (1 - f) * v[i, low] + f * v[i, low + 1]

    return at


def straight(pos, vel):
    """Return the path of straight flight."""
    return lambda i, t_s: (pos[i] + t_s * vel[i], vel[i])


class Look(NamedTuple):
    """When a radar met an aircraft, in true time."""

    sensor_id: int
    i: int
    t_s: float


def looks_of(rng, case: Case, at, n, span_s, p_detection=0.9):
    """Meet every aircraft once a turn, in the order of true time."""
    out = []
    for s, sensor in enumerate(sensors_of(case)):
        period = sensor.scan_period_s
        for k in range(int(span_s / period)):
            for i in range(n):
                t_s = (k + 0.5) * period
                for _ in range(3):
                    pos, vel = at(i, t_s)
                    t_s = (k + sensor.measure(pos[None], vel[None]).az_rad[0] / (2.0 * math.pi)) * period
                if rng.random() < p_detection:
                    out.append(Look(s, i, t_s))
    return sorted(out, key=lambda look: look.t_s)


def scans_of(rng, case: Case, at, looks, span_s, biases, drift=(0.0, 0.0)):
    """Make the scans (sectors of a turn) that the radars send, in the order of their own ends.

    `biases`: (2, 4) of both radars; `drift`: of their clocks [s/s].
    """
    out, sensors = [], sensors_of(case)
    plot_id = 1
    width = 2.0 * math.pi / SECTORS
    for s, sensor in enumerate(sensors):
        dwell = sensor.scan_period_s / SECTORS
        mine = [look for look in looks if look.sensor_id == s]
        which = np.array([int(look.t_s / dwell) for look in mine], np.int64)
        sigma = sensor.sigma_range_m, sensor.sigma_az_rad, sensor.sigma_el_rad
        shift = float(biases[s][3])
        for k in range(int(span_s / dwell)):
            here = [mine[j] for j in np.flatnonzero(which == k)]
            n_false = rng.poisson(sensor.false_plots_per_scan / SECTORS)
            plots = missing(PLOT, len(here) + n_false)
            for row, look in enumerate(here):
                pos, vel = at(look.i, look.t_s)
                z = sensor.measure(pos[None], vel[None])
                noise = rng.standard_normal(3) * sigma
                plots["range_m"][row] = z.range_m[0] + biases[s][0] + noise[0]
                plots["az_rad"][row] = (z.az_rad[0] + biases[s][1] + noise[1]) % (2.0 * math.pi)
                plots["el_rad"][row] = z.el_rad[0] + biases[s][2] + noise[2]
                plots["t_ns"][row] = T0_NS + round((look.t_s * (1.0 + drift[s]) + shift) * NS_PER_S)
            f = slice(len(here), None)
            plots["range_m"][f] = rng.uniform(1e3, 6e4, n_false)
            az = ((k % SECTORS) + rng.random(n_false)) * width
            plots["az_rad"][f], plots["el_rad"][f] = az, rng.uniform(0.01, 1.0, n_false)
            t_s = (k // SECTORS + az / (2.0 * math.pi)) * sensor.scan_period_s * (1.0 + drift[s]) + shift
            plots["t_ns"][f] = T0_NS + np.round(t_s * NS_PER_S).astype(np.int64)
            plots["sensor_id"] = s
            plots["plot_id"] = plot_id + np.arange(len(plots))
            plot_id += len(plots)
            ends = [T0_NS + round((t * (1.0 + drift[s]) + shift) * NS_PER_S) for t in (k * dwell, (k + 1) * dwell)]
            arc = ((k % SECTORS) * width, (k % SECTORS + 1) * width)
            out.append(
                Scan(
                    sensor_id=s,
                    t_start_ns=ends[0],
                    t_end_ns=ends[1],
                    t_recv_ns=T0_NS + round(((k + 1) * dwell + 0.1) * NS_PER_S),
                    az_from_rad=arc[0],
                    az_to_rad=arc[1] % (2.0 * math.pi),
                    plots=plots,
                )
            )
    return sorted(out, key=lambda scan: (scan.t_recv_ns, scan.sensor_id))


class Flights(NamedTuple):
    """Aircraft of one seed, and when each radar met them."""

    case: Case
    pos: np.ndarray
    vel: np.ndarray
    at: Callable
    looks: list[Look]


def drawn(case: Case, seed, load_g=None, n=8, span_s=60.0):
    """Draw eight aircraft and their looks; they fly straight, or turn by a load one way and then the other."""
    rng = np.random.default_rng([seed, 1])
    pos, vel = aircraft(rng, n, case.reach_m)
    at = straight(pos, vel) if load_g is None else turning(pos, vel, load_g)
    return Flights(case, pos, vel, at, looks_of(rng, case, at, n, span_s))


def prior_of(case: Case):
    """Return what offsets may be beforehand, as the site declares it and `tracking.registration` takes it."""
    declared = np.array([60.0, math.radians(0.3), math.radians(0.1), 0.0] if case.declared else np.zeros(4))
    return np.tile(np.maximum(10.0 * declared, SIGMA_FAULT), 2)


def estimated(flights: Flights, biases, seed, sigma_speed_mps=10.0):
    """Estimate offsets with every plot's aircraft known; returns `offsets.Estimate`."""
    rng, sensors = np.random.default_rng([seed, 2]), sensors_of(flights.case)
    offsets = Offsets(sensors, prior_of(flights.case))
    seconds = np.array([int(look.t_s) for look in flights.looks])
    for k in np.unique(seconds):
        here = [flights.looks[j] for j in np.flatnonzero(seconds == k)]
        rows = []
        for s, i, t_s in here:
            pos, vel = flights.at(i, t_s)
            z = sensors[s].measure(pos[None], vel[None])
            sigma = np.array([sensors[s].sigma_range_m, sensors[s].sigma_az_rad, sensors[s].sigma_el_rad])
            seen = np.array([z.range_m[0], z.az_rad[0], z.el_rad[0]]) + biases[s][:3] + rng.standard_normal(3) * sigma
            t_ns = T0_NS + round((t_s + biases[s][3]) * NS_PER_S)
            rows.append((s, i + 1, t_ns, seen, sigma**2, vel + rng.normal(0.0, sigma_speed_mps, 3), True))
        offsets.take(Sights(*(np.array(column) for column in zip(*rows, strict=True))), T0_NS + (int(k) + 1) * NS_PER_S)
    return offsets.estimate


def bound(flights: "Flights"):
    """Return the covariance (8, 8) that no estimate of the offsets can beat, the flights being straight and unknown.

    One information matrix over offsets and all flights, derivatives by differences, offsets left by inversion.
    """
    case, pos, vel = flights.case, flights.pos, flights.vel
    sensors, n, sigma_prior = sensors_of(case), len(pos), prior_of(case)
    size = 8 + 6 * n
    info = np.zeros((size, size))
    info[:8, :8] = np.diag(np.reshape(sigma_prior, 8) ** -2)

    def measured(s, state, t_s, clock_s):
        z = sensors[s].measure((state[:3] + (t_s - clock_s) * state[3:])[None], state[None, 3:])
        return np.array([z.range_m[0], z.az_rad[0], z.el_rad[0]])

    for s, i, t_s in flights.looks:
        state = np.concatenate([pos[i], vel[i]])
        rows = np.zeros((3, size))
        for j in range(6):
            d = np.zeros(6)
            d[j] = 0.5 if j < 3 else 0.01
            by = measured(s, state + d, t_s, 0.0) - measured(s, state - d, t_s, 0.0)
            by[1] = (by[1] + math.pi) % (2.0 * math.pi) - math.pi
            rows[:, 8 + 6 * i + j] = by / (2.0 * d[j])
        rows[[0, 1, 2], [4 * s, 4 * s + 1, 4 * s + 2]] = 1.0
        by = measured(s, state, t_s, 0.01) - measured(s, state, t_s, -0.01)
        by[1] = (by[1] + math.pi) % (2.0 * math.pi) - math.pi
        rows[:, 4 * s + 3] = by / 0.02
        sigma = np.array([sensors[s].sigma_range_m, sensors[s].sigma_az_rad, sensors[s].sigma_el_rad])
        weighed = rows / sigma[:, None]
        info += weighed.T @ weighed
    scale = 1.0 / np.sqrt(np.maximum(np.diag(info), 1e-30))
    return (np.linalg.pinv(info * scale[:, None] * scale, rcond=1e-13, hermitian=True) * scale[:, None] * scale)[:8, :8]
