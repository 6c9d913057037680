"""Sectors and dwells: a radar's turns as its owner gets them, stamped by the radar's own clock, late by its link."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from casemate.constants import NS_PER_S
from casemate.model.records import Records
from casemate.sim.sensor.bodies import Turn
from casemate.sim.sensor.radar import Radar

_TURN = 2.0 * np.pi


class Sector(NamedTuple):
    """What one message of a radar says, and, row by row beside its plots, what they are of."""

    t_recv_ns: int  # true time
    t_end_ns: int  # true time
    sensor_id: int
    span_ns: tuple[int, int]  # start and end as the radar's clock has them
    arc_rad: tuple[float, float]
    plots: Records  # with stamps, without ids
    truth_id: NDArray[np.int64]  # 0: nothing that is there
    t_s: NDArray[np.float64]  # true time since the scenario's start


class _Part(NamedTuple):
    # Sector of a turn, in true time since the scenario's start.
    start_ns: int
    end_ns: int
    arc_rad: tuple[float, float]
    turn: Turn
    rows: slice


def deal(radar: Radar, t_start_ns: int, look: Callable[[int, int], Turn]) -> Iterator[Sector]:
    """Deal out a radar's turns for ever, in order of time.

    Parameters
    ----------
    radar : Radar
    t_start_ns : int
        The scenario's start.
    look : callable
        Number of a turn and its start [ns] since the scenario's -> the turn.
    """
    last: dict[float, Sector] = {}
    for part in _parts(radar, look):
        t_s = part.end_ns / NS_PER_S
        if radar.faults.is_on("silent", t_s):
            continue
        if radar.faults.is_on("frozen", t_s):
            if part.arc_rad[0] in last:
                yield _again(last[part.arc_rad[0]], part, t_start_ns)
            continue
        sector = _stamped(part, radar, t_start_ns)
        last[part.arc_rad[0]] = sector
        yield sector


def _parts(radar: Radar, look: Callable[[int, int], Turn]) -> Iterator[_Part]:
    is_staring = radar.beam.is_staring
    n = 1 if is_staring else radar.truth.sectors
    period_ns, width = round(radar.period_s * NS_PER_S), _TURN / n
    wanted = [0] if is_staring else [j for j in range(n) if _is_covered(radar, j * width, width)]
    i_turn = 0
    while True:
        origin_ns = i_turn * period_ns
        turn = look(i_turn, origin_ns)
        edges_ns = [origin_ns + j * period_ns // n for j in range(n + 1)]
        cuts = np.searchsorted(turn.t_s, np.array(edges_ns[1:-1]) / NS_PER_S)
        bounds = [0, *cuts.tolist(), len(turn.t_s)]
        for j in wanted:
            arc = radar.model.az_rad if is_staring else (j * width, (j + 1) % n * width)
            yield _Part(edges_ns[j], edges_ns[j + 1], arc, turn, slice(bounds[j], bounds[j + 1]))
        i_turn += 1


def _is_covered(radar: Radar, low_rad: float, width_rad: float) -> bool:
    # whether a sector of a turn holds any covered azimuth
    first = radar.model.az_rad[0]
    return (first - low_rad) % _TURN < width_rad or (low_rad - first) % _TURN < radar.model.arc_rad - 1e-9


def _clock_ns(radar: Radar, t_ns: int) -> int:
    # what the radar's clock has gained on true time, at a time since the scenario's start
    truth = radar.truth
    return round(truth.clock_offset_s * NS_PER_S + truth.clock_drift_ppm * 1e-6 * t_ns)


def _stamped(part: _Part, radar: Radar, t_start_ns: int) -> Sector:
    truth = radar.truth
    plots, t_s = part.turn.plots[part.rows].copy(), part.turn.t_s[part.rows]
    true_ns = np.rint(t_s * NS_PER_S).astype(np.int64)
    stamps = t_start_ns + true_ns + round(truth.clock_offset_s * NS_PER_S)
    stamps += np.rint(truth.clock_drift_ppm * 1e-6 * true_ns).astype(np.int64)
    if truth.sigma_time_s > 0.0:
        jitter = truth.sigma_time_s * radar.clock_rng.standard_normal(len(stamps))
        stamps += np.rint(jitter * NS_PER_S).astype(np.int64)
    if truth.step_time_s > 0.0:
        step_ns = truth.step_time_s * NS_PER_S
        since = (stamps - t_start_ns) / step_ns  # whole seconds are whole steps on every wire
        stamps = t_start_ns + np.rint(np.rint(since) * step_ns).astype(np.int64)
    plots["t_ns"] = stamps
    span = (t_start_ns + t_ns + _clock_ns(radar, t_ns) for t_ns in (part.start_ns, part.end_ns))
    first, last = span
    if len(stamps):  # a message holds all that it says
        first, last = min(first, int(stamps.min())), max(last, int(stamps.max()))
    return Sector(
        t_recv_ns=t_start_ns + part.end_ns + round(truth.delay_s * NS_PER_S),
        t_end_ns=t_start_ns + part.end_ns,
        sensor_id=radar.sensor_id,
        span_ns=(first, last),
        arc_rad=part.arc_rad,
        plots=plots,
        truth_id=part.turn.truth_id[part.rows],
        t_s=t_s,
    )


def _again(old: Sector, part: _Part, t_start_ns: int) -> Sector:
    # the same plots under new stamps: nothing is where they say any more
    late_ns = t_start_ns + part.end_ns - old.t_end_ns
    plots = old.plots.copy()
    plots["t_ns"] += late_ns
    return old._replace(
        t_recv_ns=old.t_recv_ns + late_ns,
        t_end_ns=old.t_end_ns + late_ns,
        span_ns=(old.span_ns[0] + late_ns, old.span_ns[1] + late_ns),
        plots=plots,
        truth_id=np.zeros_like(old.truth_id),
        t_s=old.t_s + late_ns / NS_PER_S,
    )
