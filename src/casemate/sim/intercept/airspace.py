"""Where friends may be: aircraft by what they report of themselves, and declared volumes; and what comes near them.

An aircraft is where its last report says, carried on straight, and as far around it as four sigma of the report and a
manoeuvre since then reach. One that tells no geometric height is held to be at all heights. Truth is not read here.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.model.catalog import Band
from casemate.model.records import Records
from casemate.physics.geodesy import SiteFrame
from casemate.sim.intercept.declared import Airspace, Roof
from casemate.sim.intercept.ways import SIGMAS, Tubes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SIGMA_M: Final = 38.0
"""Of a position whose report tells no accuracy, per axis [m]: 92.6 m, 95 %, is the worst of the accuracy
category (NACp 8) that most airspaces ask for."""

SIGMA_HEIGHT_M: Final = 25.0
"""Of a geometric height [m]: 45 m, 95 %, with its rounding (GVA 2); assumption where it is not told."""

SIGMA_MPS: Final = 1.5
"""Of a velocity, per axis [m/s]: 3 m/s, 95 % (NACv 2); assumption."""

LOAD_MPS2: Final = 5.0
"""What an aircraft may have been turning or climbing with since its report [m/s2]: half of gravity, [A]."""

SPEED_MPS: Final = 100.0
"""How fast an aircraft may be that does not tell [m/s]: the fastest helicopters; [A]."""

BODY_M: Final = 15.0
"""From where its antenna is to the end of its rotor or wing [m]; [A]."""

FORGET_S: Final = 600.0
"""A friend that has said nothing for so long [s] is taken out of the picture; by then it had closed all of the sky."""


class Zone(NamedTuple):
    """A volume over the ground: a polygon, or the surroundings of a way."""

    ring_m: Floats  # (m, 2)
    is_closed: bool
    half_width_m: float
    up_m: Band  # ENU of the site
    span_ns: tuple[float, float]  # when it counts

    def is_near(self, tubes: Tubes, t_fire_ns: Ints, lasts_s: Floats) -> Bools:
        """Tell whose danger volume reaches into it while it counts (k,)."""
        begin, end, radius = tubes.begin_m, tubes.end_m, tubes.radius_m
        low = np.minimum(begin[:, :, 2], end[:, :, 2]) - radius
        high = np.maximum(begin[:, :, 2], end[:, :, 2]) + radius
        first_ns = t_fire_ns + tubes.from_s[0] * NS_PER_S
        last_ns = t_fire_ns + (lasts_s + tubes.to_s[-1]) * NS_PER_S
        is_now = (first_ns <= self.span_ns[1]) & (last_ns >= self.span_ns[0])
        is_at = (high >= self.up_m[0]) & (low <= self.up_m[1]) & is_now[:, None]
        out = np.zeros(len(begin), np.bool_)
        i, j = np.nonzero(is_at)
        if i.size:
            one, other = begin[i, j, :2], end[i, j, :2]
            reach = radius[i, j] + self.half_width_m
            is_in = self._away_m(one, other) <= reach
            if self.is_closed:
                is_in |= _inside(self.ring_m, one)
            np.logical_or.at(out, i, is_in)
        return out

    def _away_m(self, one: Floats, other: Floats) -> Floats:
        """Return how far legs (n, 2) to (n, 2) stay away from the edges (n,)."""
        a = self.ring_m if self.is_closed else self.ring_m[:-1]
        b = np.roll(self.ring_m, -1, axis=0)[: len(a)]
        one, other = one[:, None], other[:, None]
        is_cut = (_side(one, other, a) * _side(one, other, b) < 0.0) & (_side(a, b, one) * _side(a, b, other) < 0.0)
        ends = np.minimum(
            np.minimum(_apart(a, one, other), _apart(b, one, other)),
            np.minimum(_apart(one, a, b), _apart(other, a, b)),
        )
        away: Floats = np.where(is_cut, 0.0, ends).min(axis=1)
        return away


def zone_of(space: Airspace, frame: SiteFrame, t_start_ns: int) -> Zone:
    """Return a declared airspace, its times in ns UTC."""
    path = space.polygon_deg or space.way_deg or ()
    up = (-math.inf, math.inf)
    if space.height_m is not None:
        up = (space.height_m[0] - frame.height_msl_m, space.height_m[1] - frame.height_msl_m)
    to_ns = math.inf if space.to_s is None else t_start_ns + space.to_s * NS_PER_S
    span = (t_start_ns + space.from_s * NS_PER_S, to_ns)
    return Zone(_flat(path, frame), space.polygon_deg is not None, space.half_width_m or 0.0, up, span)


def zone_of_roof(roof: Roof, frame: SiteFrame) -> Zone:
    """Return what lies under a roof and so much over it, at any time."""
    up = (-math.inf, roof.height_m + roof.clear_m - frame.height_msl_m)
    return Zone(
        _flat(roof.polygon_deg, frame), is_closed=True, half_width_m=0.0, up_m=up, span_ns=(-math.inf, math.inf)
    )


class Picture:
    """The friendly aircraft that report themselves, each by its last report.

    Parameters
    ----------
    frame : SiteFrame
        ENU of the site.
    """

    def __init__(self, frame: SiteFrame) -> None:
        self._frame, self._last = frame, dict[tuple[int, int, int], np.void]()
        self.n_without_height = 0  # aircraft that were held to be at all heights
        self._blind: set[tuple[int, int, int]] = set()
        self._order()

    def take(self, t_ns: int, reports: Records) -> None:
        """Take `SYSTEM_TRACK` rows (n,) as they come in; older than what is known of the same aircraft: no news."""
        for row in reports:
            key = (int(row["source"]), int(row["address"]), int(row["number"]))
            known = self._last.get(key)
            if row["is_end"]:
                self._last.pop(key, None)
            elif math.isfinite(row["lat_rad"] + row["lon_rad"]) and (known is None or row["t_ns"] > known["t_ns"]):
                self._last[key] = row.copy()
                if not math.isfinite(row["height_m"]):
                    self._blind.add(key)
        self.n_without_height = len(self._blind)
        silent = [key for key, row in self._last.items() if t_ns - int(row["t_ns"]) > FORGET_S * NS_PER_S]
        for key in silent:
            del self._last[key]
        if len(reports) or silent:
            self._order()

    def _order(self) -> None:
        rows = np.array(list(self._last.values())) if self._last else None
        self.n_aircraft = 0 if rows is None else len(rows)
        if rows is None:
            return
        height = np.where(np.isfinite(rows["height_m"]), rows["height_m"], self._frame.height_m)
        self._t_ns = rows["t_ns"].astype(np.int64)
        self._pos_m = self._frame.geodetic_to_enu(np.degrees(rows["lat_rad"]), np.degrees(rows["lon_rad"]), height)
        vel = np.column_stack([rows["ve_mps"], rows["vn_mps"], rows["vu_mps"]])
        sigma = np.hypot(rows["sigma_e_m"], rows["sigma_n_m"]) / math.sqrt(2.0)
        is_slow, has_height = np.isfinite(vel[:, :2]).all(axis=1), np.isfinite(rows["height_m"])
        self._vel_mps = np.where(np.isfinite(vel), vel, 0.0)
        # one number an aircraft, to stand beside (f, k, j)
        self._speed_mps = np.hypot(self._vel_mps[:, 0], self._vel_mps[:, 1])[:, None, None]
        self._var_m2 = np.where(np.isfinite(sigma), sigma, SIGMA_M)[:, None, None] ** 2
        self._lateral_mps = np.where(is_slow, 0.0, SPEED_MPS)[:, None, None]
        unsure_mps = np.where(np.isfinite(vel[:, 2]), 0.0, SPEED_MPS)
        self._vertical_mps = np.where(has_height, unsure_mps, math.inf)[:, None, None]

    def is_near(self, tubes: Tubes, t_fire_ns: Ints, lasts_s: Floats) -> Bools:
        """Tell whose danger volume an aircraft may be in while rounds are there (k,)."""
        if self.n_aircraft == 0:
            return np.zeros(len(tubes.begin_m), np.bool_)
        half_s = 0.5 * (lasts_s[:, None] + (tubes.to_s - tubes.from_s))  # rounds pass a leg, about its middle, (k, j)
        since_s = ((t_fire_ns - self._t_ns[:, None]) / NS_PER_S)[:, :, None] + (tubes.from_s + half_s)  # (f, k, j)
        age_s = np.abs(since_s) + half_s
        most_m = 0.5 * LOAD_MPS2 * age_s * age_s + (BODY_M + tubes.radius_m)
        drift_m2 = (SIGMA_MPS * age_s) ** 2
        vel, pos = self._vel_mps[:, :, None, None], self._pos_m[:, :, None, None]
        where_m = pos + vel * since_s[:, None]  # (f, 3, k, j)
        across_m = most_m + SIGMAS * np.sqrt(self._var_m2 + drift_m2) + half_s * self._speed_mps
        across_m += self._lateral_mps * age_s
        begin, way = tubes.begin_m, tubes.end_m - tubes.begin_m
        x, y = where_m[:, 0] - begin[:, :, 0], where_m[:, 1] - begin[:, :, 1]
        wx, wy = way[:, :, 0], way[:, :, 1]
        part = np.minimum(np.maximum((x * wx + y * wy) / (wx * wx + wy * wy + 1e-9), 0.0), 1.0)
        is_near = (part * wx - x) ** 2 + (part * wy - y) ** 2 <= across_m * across_m
        over_m = most_m + SIGMAS * np.sqrt(SIGMA_HEIGHT_M**2 + drift_m2) + half_s * np.abs(vel[:, 2])
        over_m += self._vertical_mps * age_s
        gap_m = np.abs(where_m[:, 2] - begin[:, :, 2] - 0.5 * way[:, :, 2]) - 0.5 * np.abs(way[:, :, 2])
        is_near &= gap_m <= over_m
        near: Bools = np.any(is_near, axis=(0, 2))
        return near


def _flat(path_deg: tuple[tuple[float, float], ...], frame: SiteFrame) -> Floats:
    lat, lon = np.array(path_deg, np.float64).T
    return frame.msl_to_enu(lat, lon, np.full(lat.size, frame.height_msl_m))[:, :2]


def _side(a: Floats, b: Floats, point: Floats) -> Floats:
    ab, ap = b - a, point - a
    side: Floats = ab[..., 0] * ap[..., 1] - ab[..., 1] * ap[..., 0]
    return side


def _apart(point: Floats, a: Floats, b: Floats) -> Floats:
    ab, ap = b - a, point - a
    part = np.clip(np.sum(ap * ab, axis=-1) / np.maximum(np.sum(ab * ab, axis=-1), 1e-9), 0.0, 1.0)
    away: Floats = np.linalg.norm(ap - part[..., None] * ab, axis=-1)
    return away


def _inside(ring: Floats, points: Floats) -> Bools:
    """Tell which points (n, 2) lie inside a simple polygon (m, 2)."""
    x, y = points[:, :1], points[:, 1:]
    x1, y1 = ring[:, 0], ring[:, 1]
    x2, y2 = np.roll(x1, -1), np.roll(y1, -1)
    spans = (y1 > y) != (y2 > y)
    at = x1 + (y - y1) * (x2 - x1) / np.where(spans, y2 - y1, 1.0)
    is_in: Bools = np.count_nonzero(spans & (at > x), axis=1) % 2 == 1
    return is_in
