"""The sweep: when a sensor looked where, found again from its plots alone.

A plot table says when each plot was seen, not what the sensor swept without seeing anything. A rotating antenna
is betrayed by its plots: azimuth minus 2 pi t / T stays put. From that the sectors are cut, empty ones included,
so that a miss is a miss.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SECTORS_PER_TURN: Final = 8
"""A step each eighth of a turn: a round's flight of ten seconds does not lose one of them to a rotation."""
EMPTY_TURNS: Final = 3
"""Longest silence that is told as empty sectors; a longer one is a sensor that was off, not a sky that was empty."""
_WINDOW_TURNS: Final = 2.0  # plots of two turns tell the phase: it then follows a period 5 % off the declared one
_RESIDUAL_RAD: Final = np.radians(20.0)  # nine plots in ten this near the antenna: 20 ms late at a turn a second is 7
_APART_RAD: Final = np.radians(10.0)  # two plots at one time this far apart were not seen by one beam
_SHARE: Final = 0.1
_MIN_PLOTS: Final = 8


class Sweep(NamedTuple):
    """One sector, dwell or whole scan: when, from where to where clockwise, and the rows of its plots."""

    t_start_ns: int
    t_end_ns: int
    az_from_rad: float
    az_to_rad: float
    rows: Ints


class Antenna(NamedTuple):
    """Where a rotating antenna points: angle [rad, unwrapped] by time [s], linear between knots."""

    t_s: Floats
    angle_rad: Floats

    def angles_at(self, t_s: Floats) -> Floats:
        """Return the angle [rad, unwrapped] at times [s] since the first plot."""
        return np.asarray(np.interp(t_s, self.t_s, self.angle_rad), np.float64)


def rotating(t_ns: Ints, az_rad: Floats, antenna: Antenna) -> Iterator[Sweep]:
    """Cut the plots of a rotating sensor into sectors in order of their end, with the empty ones between.

    Parameters
    ----------
    t_ns : (n,) int64 [ns]
        Ascending.
    az_rad : (n,) float64 [rad]
        What is no azimuth (not finite, beyond two turns) is put where the antenna was at that time.
    antenna : Antenna
        From `find_antenna` of the same plots.
    """
    width = 2.0 * np.pi / SECTORS_PER_TURN
    t_s = (t_ns - t_ns[0]) / NS_PER_S
    beam = antenna.angles_at(t_s)
    off = _wrap(np.where(_is_azimuth(az_rad), az_rad, beam) - beam)
    sector = np.floor((beam + off) / width).astype(np.int64)
    order = np.argsort(sector, kind="stable")
    held, first, count = np.unique(sector[order], return_index=True, return_counts=True)
    rows_of = {int(k): order[i : i + n] for k, i, n in zip(held, first, count, strict=True)}
    swept = _with_empty(held)
    starts, ends = (np.interp((swept + shift) * width, antenna.angle_rad, antenna.t_s) for shift in (0, 1))
    sweeps: list[Sweep] = []
    for k, start_s, end_s in zip(swept.tolist(), starts.tolist(), ends.tolist(), strict=True):
        rows = rows_of.get(k, order[:0])
        start, end = (int(t_ns[0]) + round(edge * NS_PER_S) for edge in (start_s, end_s))
        if rows.size:  # the time stamps of plots scatter about the edges; a scan holds all of its plots
            start, end = min(start, int(t_ns[rows[0]])), max(end, int(t_ns[rows[-1]]))
        turn = k % SECTORS_PER_TURN
        sweeps.append(Sweep(start, end, turn * width, (turn + 1) % SECTORS_PER_TURN * width, rows))
    yield from sorted(sweeps, key=lambda sweep: sweep.t_end_ns)


def find_antenna(t_ns: Ints, az_rad: Floats, period_s: float) -> Antenna | None:
    """Find the rotation behind plots in order of time; None where there is none (a staring sensor, or too few).

    The phase is taken from every two turns of plots and interpolated, so that an hour at a period that is not
    quite the declared one is followed.
    """
    is_known = _is_azimuth(az_rad)
    if is_known.sum() < _MIN_PLOTS:
        return None
    t_s, az = (t_ns[is_known] - t_ns[0]) / NS_PER_S, az_rad[is_known]
    if _share_seen_at_once(t_s, az, period_s) > _SHARE:
        return None
    antenna = _follow(t_s, az, 2.0 * np.pi / period_s, _WINDOW_TURNS * period_s)
    late = np.abs(_wrap(az - antenna.angles_at(t_s)))
    return antenna if np.quantile(late, 1.0 - _SHARE) < _RESIDUAL_RAD else None


def shares_times(t_ns: Ints, scan: Ints, period_s: float) -> bool:
    """Say whether the plots of each numbered scan have (nearly) one time, as benchmark files do."""
    is_numbered = scan >= 0
    if not is_numbered.any():
        return False
    groups = list(_by_number(t_ns, np.flatnonzero(is_numbered), scan, period_s))
    spans = [t_ns[rows[-1]] - t_ns[rows[0]] for rows in groups if rows.size > 1]
    return bool(spans) and float(np.quantile(spans, 1.0 - _SHARE)) < 0.05 * period_s * NS_PER_S


def staring(t_ns: Ints, scan: Ints, period_s: float, arc_rad: tuple[float, float]) -> Iterator[Sweep]:
    """Group the plots of a staring sensor by scan number, or by period where they have none.

    Parameters
    ----------
    t_ns : (n,) int64 [ns]
        Ascending.
    scan : (n,) int64
        -1: no number.
    arc_rad : (from, to) [rad]
        What every scan sees.
    """
    numbered, rest = np.flatnonzero(scan >= 0), np.flatnonzero(scan < 0)
    groups = [*_by_number(t_ns, numbered, scan, period_s), *_by_time(t_ns, rest, period_s)]
    period_ns, last_ns = round(period_s * NS_PER_S), None
    for rows in sorted(groups, key=lambda rows: int(t_ns[rows[-1]])):
        start, end = int(t_ns[rows[0]]), int(t_ns[rows[-1]])
        missed = 0 if last_ns is None else round((start - last_ns) / period_ns) - 1
        for i in range(1, min(missed, EMPTY_TURNS) + 1):
            t_empty_ns = last_ns + i * period_ns if last_ns is not None else 0
            yield Sweep(t_empty_ns, t_empty_ns, *arc_rad, rows[:0])
        yield Sweep(start, end, *arc_rad, rows)
        last_ns = end


def _is_azimuth(az_rad: Floats) -> NDArray[np.bool_]:
    return np.abs(az_rad) <= 4.0 * np.pi


def _wrap(angle_rad: Floats) -> Floats:
    return np.mod(angle_rad + np.pi, 2.0 * np.pi) - np.pi


def _share_seen_at_once(t_s: Floats, az: Floats, period_s: float) -> float:
    is_at_once = t_s[1:] - t_s[:-1] < period_s / 500.0
    is_apart = np.abs(_wrap(az[1:] - az[:-1])) > _APART_RAD
    return float(np.count_nonzero(is_at_once & is_apart)) / len(is_apart)


def _follow(t_s: Floats, az: Floats, rate_radps: float, window_s: float) -> Antenna:
    """Follow the phase from window to window: mean time and mean direction of each, knots at least T / 2 apart."""
    window = np.floor(t_s / window_s).astype(np.int64)
    _, which, count = np.unique(window, return_inverse=True, return_counts=True)
    phase = az - rate_radps * t_s
    direction = np.arctan2(np.bincount(which, np.sin(phase)), np.bincount(which, np.cos(phase)))
    knot_s: Floats = np.bincount(which, t_s) / count
    # two means of neighbouring windows can be of plots that are neighbours too: their slope would be noise
    keep, last = [0], 0
    for i in range(1, len(knot_s)):
        if knot_s[i] - knot_s[last] > window_s / 4.0:
            keep.append(i)
            last = i
    knot_s, phase = knot_s[keep], np.unwrap(direction[keep])
    slope = np.diff(phase) / np.diff(knot_s) if len(knot_s) > 1 else np.zeros(1)
    reach = (EMPTY_TURNS + 1) * window_s  # both ends go on at the slope they had
    knot_s = np.concatenate(([knot_s[0] - reach], knot_s, [knot_s[-1] + reach]))
    phase = np.concatenate(([phase[0] - slope[0] * reach], phase, [phase[-1] + slope[-1] * reach]))
    return Antenna(knot_s, rate_radps * knot_s + phase)


def _with_empty(held: Ints) -> Ints:
    """Fill up between the sectors that hold plots, but not through a silence of many turns."""
    gap = np.diff(held, append=held[-1] + 1) - 1
    fill: Ints = np.minimum(gap, EMPTY_TURNS * SECTORS_PER_TURN)
    runs: list[Ints] = [np.arange(k, k + n + 1) for k, n in zip(held.tolist(), fill.tolist(), strict=True)]
    return np.concatenate(runs)


def _by_number(t_ns: Ints, rows: Ints, scan: Ints, period_s: float) -> Iterator[Ints]:
    order = rows[np.argsort(scan[rows], kind="stable")]
    # the gap keeps apart two scans of one number, where the sensor's counter wraps
    is_new = (np.diff(scan[order]) != 0) | (np.diff(t_ns[order]) > 3.0 * period_s * NS_PER_S)
    yield from (group for group in np.split(order, np.flatnonzero(is_new) + 1) if group.size)


def _by_time(t_ns: Ints, rows: Ints, period_s: float) -> Iterator[Ints]:
    span_ns, i = int(0.9 * period_s * NS_PER_S), 0  # short of a period, so that the next scan is not caught
    while i < len(rows):
        j = int(np.searchsorted(t_ns[rows], t_ns[rows[i]] + span_ns))
        yield rows[i : max(j, i + 1)]
        i = max(j, i + 1)
