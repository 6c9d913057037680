"""Shots to judge covariances by: rounds of the catalog flown exactly, and the plots that a radar makes of them.

A shot is drawn from a library of solved arrivals, a bearing, an impact area and a drag of its own, and flown forward by
the exact flight, in calm or wind, by the curve of its class or by another. Used by the proof and by its fast test.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from casemate.errors import DomainError
from casemate.io.settings import read_rounds
from casemate.model.messages import Scan
from casemate.model.records import PLOT, freeze, missing
from casemate.physics.arrival import solve_arrival
from casemate.physics.body import build_body
from casemate.physics.drag import compile_drag
from casemate.physics.exact import fly_exact
from casemate.physics.geodesy import SiteFrame
from casemate.physics.profile import Profile
from casemate.physics.spin import fly_spinning_exact, gyro_of, solve_spinning_arrival, spin_of

FRAME = SiteFrame(33.3, 44.39, 34.0)
ROUNDS = {each.name: each for each in read_rounds()}
REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference"
SIGMAS = np.array([15.0, 3e-3, 3e-3])
P_DETECTION = 0.9
T0_NS = 1_700_000_000_000_000_000
SECTOR_RAD = math.radians(50.0)  # bearings of arrival, about north
AREA_M = 3000.0  # impacts lie within, about the radar
COVER_RAD = math.radians(0.5), math.radians(60.0)
COVER_M = 500.0, 25_000.0
ARCS_PER_CLASS = 16


class Shot(NamedTuple):
    """One round: its truth at each scan and what the radar saw."""

    name: str
    ln_drag: float  # of the subsonic drag parameter
    t_s: np.ndarray  # (k,) times of the scans that could see it
    truth: np.ndarray  # (k, 6) position and velocity
    mach: np.ndarray  # (k,) roughly, speed / 335 m/s
    is_seen: np.ndarray  # (k,)
    z: np.ndarray  # (k, 3) range, azimuth, elevation
    t_impact_s: float
    impact_m: np.ndarray  # (2,)
    t_top_s: float


def standard_curve(name):
    """Read a public drag function: Mach numbers and coefficients."""
    rows = np.loadtxt(REFERENCE / f"drag_{name}.csv", delimiter=",", comments="#", skiprows=1)
    return rows[:, 0], rows[:, 1]


def library(seed, names, spinning=False):
    """Solve arrivals of each class over its ranges and arcs: its range, and the state at the start or at burnout."""
    rng = np.random.default_rng(seed)
    found = []
    for name in names:
        body = ROUNDS[name]
        low, high = body.ground_range_m
        while sum(1 for each in found if each[0] == name) < ARCS_PER_CLASS:
            reach, arc = rng.uniform(low + 0.1 * (high - low), 0.95 * high), str(rng.choice(["flat", "high"]))
            try:
                if spinning and body.spin is not None:
                    path = solve_spinning_arrival(body, FRAME, np.zeros(2), 0.0, reach, arc)
                else:
                    path = solve_arrival(body, FRAME, np.zeros(2), 0.0, reach, arc)
            except DomainError:
                continue
            burn_s = body.burn_s or 0.0
            pos, vel = path.at(np.array([path.t_s[0] + burn_s]))
            found.append((name, reach, pos[0], vel[0]))
    return found


def _turn(v, angle):
    c, s = math.cos(angle), math.sin(angle)
    return np.array([c * v[0] + s * v[1], c * v[1] - s * v[0], v[2]])


def fly(rng, entry, curve, wind_mps, spinning):
    """Fly one round from a library entry, with a bearing, an impact area and a drag of its own."""
    name, _, pos, vel = entry
    body = ROUNDS[name]
    factor = (1.0 + body.drag_sigma_make * rng.standard_normal()) * (
        1.0 + body.drag_sigma_round * rng.standard_normal()
    )
    factor = max(factor, 0.4)
    mach, cd = (np.array(body.mach), np.array(body.cd)) if curve is None else curve
    table = compile_drag(mach, cd).table * (factor * body.cd[0] / cd[0])
    area = 0.25 * math.pi * body.calibre_m**2
    blow = rng.uniform(0.0, 2.0 * math.pi)
    wind = None
    if wind_mps:
        e, n = wind_mps * math.sin(blow), wind_mps * math.cos(blow)
        wind = Profile(np.array([0.0, 2e4]), None, None, np.array([e, e]), np.array([n, n]))
    flown = build_body(body.mass_kg, area, table, wind=wind)
    bearing = rng.uniform(-SECTOR_RAD, SECTOR_RAD)
    gain, lift = 1.0 + 0.03 * rng.standard_normal(), math.radians(1.5) * rng.standard_normal()
    across, up = float(np.hypot(vel[0], vel[1])), float(vel[2])
    steep = math.hypot(across, up) * gain
    angle = min(max(math.atan2(up, across) + lift, 0.1), 1.45)
    heading = vel[:2] / across
    vel = np.array([*(steep * math.cos(angle) * heading), steep * math.sin(angle)])
    place = AREA_M * math.sqrt(rng.uniform()) * np.array([math.sin(a := rng.uniform(0, 2 * math.pi)), math.cos(a)])
    start = _turn(pos, bearing) + np.array([*place, 0.0])
    start[2] = max(pos[2], 0.0) + 1.0
    vel = _turn(vel, bearing)
    ln_drag = math.log(factor * body.cd[0] * area / body.mass_kg)
    if spinning and body.spin is not None:
        path = fly_spinning_exact(flown, gyro_of(body), FRAME, start, vel, spin_of(body, steep), step_s=0.1)
    else:
        path = fly_exact(flown, FRAME, start, vel, step_s=0.1)
    return name, ln_drag, path


def look(rng, flown, hz):
    """Make the plots of one flight; None where it is not seen for 8 s on end."""
    name, ln_drag, path = flown
    t_end = float(path.t_s[-1])
    t = np.arange(rng.uniform(0.0, 1.0 / hz), t_end, 1.0 / hz)
    pos, vel = path.at(t)
    reach = np.linalg.norm(pos, axis=1)
    az, el = np.arctan2(pos[:, 0], pos[:, 1]), np.arcsin(pos[:, 2] / reach)
    is_in = (reach > COVER_M[0]) & (reach < COVER_M[1]) & (el > COVER_RAD[0]) & (el < COVER_RAD[1])
    if is_in.sum() < 8 * hz:
        return None
    first, last = _longest(is_in)
    if last + 1 - first < 8 * hz:
        return None
    part = slice(first, last + 1)
    z = np.column_stack([reach, az, el])[part] + SIGMAS * rng.standard_normal((last + 1 - first, 3))
    is_seen = is_in[part] & (rng.uniform(size=last + 1 - first) < P_DETECTION)
    speed = np.linalg.norm(vel, axis=1)[part]
    top = float(path.t_s[np.argmax(path.pos_m[:, 2])])
    truth = np.hstack([pos, vel])[part]
    return Shot(name, ln_drag, t[part], truth, speed / 335.0, is_seen, z, t_end, path.pos_m[-1, :2].copy(), top)


def _longest(is_in):
    # first and last of the longest run: a round that goes overhead is another track when it comes back
    edges = np.flatnonzero(np.diff(np.concatenate(([0], is_in.astype(np.int8), [0]))))
    runs = edges.reshape(-1, 2)
    first, end = runs[np.argmax(runs[:, 1] - runs[:, 0])]
    return int(first), int(end) - 1


def draw(seed, n, hz, names=None, curve=None, wind_mps=0.0, spinning=False):
    """Draw n shots: `curve` is (mach, cd) of another curve than the class's own, scaled to its subsonic drag."""
    names = tuple(ROUNDS) if names is None else tuple(names)
    entries = library(1, names, spinning)
    rng = np.random.default_rng(seed)
    shots = []
    while len(shots) < n:
        try:
            flown = fly(rng, entries[rng.integers(len(entries))], curve, wind_mps, spinning)
        except DomainError:
            continue
        shot = look(rng, flown, hz)
        if shot is not None:
            shots.append(shot)
    return shots


def scans_of(shot):
    """Turn a shot into the scans of one sensor; times count from T0_NS."""
    for i, t_s in enumerate(shot.t_s):
        t_ns = T0_NS + round(t_s * 1e9)
        rows = missing(PLOT, int(shot.is_seen[i]))
        if len(rows):
            rows["plot_id"], rows["t_ns"], rows["sensor_id"] = i + 1, t_ns, 0
            rows["range_m"], rows["az_rad"], rows["el_rad"] = shot.z[i]
        yield Scan(
            sensor_id=0, t_start_ns=t_ns, t_end_ns=t_ns, t_recv_ns=t_ns, az_from_rad=math.radians(300.0),
            az_to_rad=math.radians(60.0), plots=freeze(rows),
        )  # fmt: skip
