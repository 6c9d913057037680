"""A turning antenna, live: whatever marks it sends, sweeps join, times lie in them, and every plot is told once."""

import itertools
import math
from typing import NamedTuple

import numpy as np
import pytest

from casemate.constants import NS_PER_S
from casemate.io.feeds.looks import Detection, Moment
from casemate.io.feeds.scans import ScanBuilder
from casemate.io.feeds.turning import HOLD_NS, Turning
from casemate.model.catalog import RadarSite
from casemate.model.records import PLOT, missing
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import sensor_models

TURN = 2.0 * math.pi
SIGMA_RAD = 0.003
MIDNIGHT_NS = 20_000 * 86_400 * NS_PER_S
SECTORS = 32


class Happening(NamedTuple):
    """What the radar sends: a plot (its number) or a mark (north or not), when it is seen and when it comes."""

    t_recv_ns: int
    t_ns: int
    az_rad: float
    sensor_id: int
    plot: int = 0
    is_north: bool = False


def radar_of(seed, *, turns=6, period_s=1.0, marks="sectors", sensor_id=0, t0_ns=MIDNIGHT_NS + 7 * NS_PER_S, n=40):
    """What one radar sends, by receipt; plots 10 to 30 ms after the beam saw them, a mark at once."""
    rng = np.random.default_rng(seed)
    out = []
    for plot, turn in enumerate(np.sort(rng.uniform(0.0, turns, n)), 1):
        t_ns = t0_ns + round(turn * period_s * NS_PER_S)
        az_rad = (turn * TURN + rng.normal(0.0, SIGMA_RAD)) % TURN
        late_ns = int(rng.uniform(0.010, 0.030) * NS_PER_S)
        out.append(Happening(t_ns + late_ns, t_ns, az_rad, sensor_id, plot))
    for k in range(turns * SECTORS + 1):
        t_ns = t0_ns + round(k * period_s * NS_PER_S / SECTORS)
        if marks in {"sectors", "both"}:
            out.append(Happening(t_ns + 1_000_000, t_ns, TURN * (k % SECTORS) / SECTORS, sensor_id))
        if marks in {"north", "both"} and k % SECTORS == 0:
            out.append(Happening(t_ns + 1_000_000, t_ns, 0.0, sensor_id, is_north=True))
    return sorted(out)


def play(builder, happenings):
    """The looks that come of it, with time going on in steps of 10 ms."""
    looks, now_ns = [], happenings[0].t_recv_ns
    for each in happenings:
        while now_ns + 10_000_000 < each.t_recv_ns:
            now_ns += 10_000_000
            looks += builder.due(Moment(now_ns, now_ns))
        now_ns = each.t_recv_ns
        came = Moment(now_ns, now_ns)
        if each.plot:
            row = missing(PLOT, 1)
            row["t_ns"], row["az_rad"], row["sensor_id"] = each.t_ns, each.az_rad, each.sensor_id
            row["range_m"] = each.plot
            looks += builder.add(row, {0: f"{each.sensor_id}-{each.plot}"}, came)
        else:
            looks += builder.mark(each.sensor_id, each.t_ns, each.az_rad, came, is_north=each.is_north)
        looks += builder.due(came)
    for _ in range(10):
        now_ns += 10_000_000
        looks += builder.due(Moment(now_ns, now_ns))
    return looks + list(builder.flush(Moment(now_ns, now_ns)))


def builder_of(*periods_s):
    sensors = [
        RadarSite(
            name=f"radar-{period_s}",
            lat_deg=43.0,
            lon_deg=18.0,
            height_m=310.0,
            scan_period_s=period_s,
            sigma_range_m=10.0,
            sigma_azimuth_deg=math.degrees(SIGMA_RAD),
            range_m=(500.0, 20000.0),
        )
        for period_s in periods_s
    ]
    return ScanBuilder(tuple(sensor_models(sensors, SiteFrame(43.0, 18.0, 300.0, 0.0))), (True,) * len(sensors))


def told_once(looks, happenings):
    """Every plot is in one look, beside its own label, and within the look's time and arc."""
    found = []
    for scan, labels in looks:
        assert len(labels) == len(scan.plots)
        assert (scan.plots["sensor_id"] == scan.sensor_id).all()
        for plot, label in zip(scan.plots, labels, strict=True):
            assert label == f"{plot['sensor_id']}-{plot['range_m']:.0f}"
            found.append((int(plot["sensor_id"]), int(plot["range_m"])))
            assert scan.t_start_ns <= plot["t_ns"] <= scan.t_end_ns
            past_rad = (float(plot["az_rad"]) - scan.az_from_rad) % TURN
            width_rad = (scan.az_to_rad - scan.az_from_rad) % TURN or TURN
            assert min(past_rad, TURN - past_rad) < 1e-9 or past_rad <= width_rad + 1e-9 or is_late(scan, plot, looks)
        assert scan.t_recv_ns >= scan.t_end_ns - 1_000_000 or not len(scan.plots)
    sent = sorted((each.sensor_id, each.plot) for each in happenings if each.plot)
    assert sorted(found) == sent


def is_late(scan, plot, looks):
    """Whether a plot came after what saw it was told: it stands in the sweep of then, its azimuth in the one before."""
    before = [each.scan for each in looks if each.scan.sensor_id == scan.sensor_id]
    i = next(k for k, each in enumerate(before) if each is scan)
    return any(
        (float(plot["az_rad"]) - each.az_from_rad) % TURN <= ((each.az_to_rad - each.az_from_rad) % TURN or TURN) + 1e-9
        for each in before[max(0, i - SECTORS) : i]
    )


def swept_rad(looks, sensor_id=0):
    """What was swept in all, each wide sweep beginning where the last ended [rad]."""
    scans = [each.scan for each in looks if each.scan.sensor_id == sensor_id]
    end_rad, total_rad = None, 0.0
    for scan in scans:
        is_next = end_rad is None or abs((scan.az_from_rad - end_rad + math.pi) % TURN - math.pi) < 1e-6
        if is_next or (scan.az_to_rad - scan.az_from_rad) % TURN < 1e-9:
            total_rad += (scan.az_to_rad - scan.az_from_rad) % TURN or TURN
            end_rad = scan.az_to_rad
    return total_rad


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("marks", ["sectors", "north", "both", "none"])
@pytest.mark.parametrize("t0_s", [7, -3])  # the second one goes over midnight
def test_every_plot_is_told_once_and_the_sweeps_join(seed, marks, t0_s):
    happenings = radar_of(seed, marks=marks, t0_ns=MIDNIGHT_NS + t0_s * NS_PER_S)
    looks = play(builder_of(1.0), happenings)
    told_once(looks, happenings)
    first = happenings[0].az_rad if not happenings[0].plot else next(each.az_rad for each in happenings)
    turns = (swept_rad(looks) + first) / TURN
    assert 5.5 < turns < 6.3  # nothing is swept twice, nothing is left out


@pytest.mark.parametrize("seed", range(5))
def test_with_sector_crossings_a_sweep_ends_at_each(seed):
    looks = play(builder_of(1.0), radar_of(seed))
    whole = [each.scan for each in looks if (each.scan.az_to_rad - each.scan.az_from_rad) % TURN > 0.1]
    assert len(whole) > 5 * SECTORS
    at_mark = [scan for scan in whole if (scan.az_to_rad * SECTORS / TURN + 1e-6) % 1.0 < 2e-6]
    assert len(at_mark) > 0.8 * len(whole)  # the others are of plots that could wait no longer
    for scan in at_mark:
        assert scan.t_end_ns - scan.t_start_ns < 0.07 * NS_PER_S  # two sectors
        turn_s = ((scan.t_end_ns / NS_PER_S - scan.az_to_rad / TURN) + 0.5) % 1.0 - 0.5
        assert abs(turn_s) < 5.0 * SIGMA_RAD / TURN  # where the beam was then
    ends = [scan.t_end_ns for scan in whole]
    assert ends == sorted(ends)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("marks", ["sectors", "north", "none"])
def test_no_plot_waits_longer_than_is_allowed(seed, marks):
    happenings = radar_of(seed, marks=marks)
    came = {each.plot: each.t_recv_ns for each in happenings if each.plot}
    for scan, _ in play(builder_of(1.0), happenings):
        for plot in scan.plots:
            assert scan.t_recv_ns - came[int(plot["range_m"])] <= HOLD_NS + 11_000_000


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("marks", ["sectors", "north", "both"])
def test_marks_that_are_lost_or_come_twice_change_nothing_that_is_told(seed, marks):
    rng = np.random.default_rng([seed, 1])
    sent = radar_of(seed, marks=marks)
    happenings = [
        each._replace(t_recv_ns=each.t_recv_ns + again)
        for each in sent
        if each.plot or rng.random() > 0.15  # lost
        for again in range(1 if each.plot or rng.random() > 0.2 else 2)  # twice
    ]
    looks = play(builder_of(1.0), sorted(happenings))
    told_once(looks, happenings)
    first = next(each.az_rad for each in happenings)
    assert 5.5 < (swept_rad(looks) + first) / TURN < 6.3


@pytest.mark.parametrize("seed", range(4))
def test_two_radars_are_kept_apart(seed):
    fast = radar_of(seed, marks="sectors", turns=8)
    slow = radar_of(seed + 50, marks="north", turns=2, period_s=4.0, sensor_id=1)
    both = sorted(fast + slow)
    looks = play(builder_of(1.0, 4.0), both)
    told_once(looks, both)
    for sensor_id, (alone, period_s) in enumerate([(fast, 1.0), (slow, 4.0)]):
        mine = [each.scan for each in looks if each.scan.sensor_id == sensor_id]
        assert sum(len(scan.plots) for scan in mine) == sum(bool(each.plot) for each in alone)
        assert all(scan.t_end_ns - scan.t_start_ns <= period_s * NS_PER_S for scan in mine)


def test_the_rate_is_that_of_the_marks_not_the_declared():
    happenings = radar_of(3, period_s=1.05, turns=8)
    looks = play(builder_of(1.0), happenings)
    told_once(looks, happenings)
    late = [each.scan for each in looks if each.scan.t_end_ns > happenings[0].t_ns + 4 * NS_PER_S]
    empty = [scan for scan in late if (scan.az_to_rad - scan.az_from_rad) % TURN > 0.1]
    steps = [after.t_end_ns - before.t_end_ns for before, after in itertools.pairwise(empty)]
    assert np.median(steps) == pytest.approx(1.05 * NS_PER_S / SECTORS, rel=1e-3)


def test_an_antenna_that_stopped_begins_anew():
    first, later = radar_of(1, turns=3), radar_of(2, turns=3, t0_ns=MIDNIGHT_NS + 60 * NS_PER_S + 300_000_000)
    later = [each._replace(plot=each.plot and each.plot + 1000) for each in later]
    builder = builder_of(1.0)
    looks = play(builder, first)
    looks += play(builder, later)
    told_once(looks, first + later)
    gap = [each.scan for each in looks if each.scan.t_end_ns > MIDNIGHT_NS + 20 * NS_PER_S]
    assert min(scan.t_start_ns for scan in gap) >= MIDNIGHT_NS + 60 * NS_PER_S  # it is not said to have turned on


def test_plots_that_no_turning_antenna_could_see_are_found_out():
    rng, turning = np.random.default_rng(1), Turning(0, 1.0, SIGMA_RAD)
    for k in range(40):
        row = missing(PLOT, 1)
        row["t_ns"], row["az_rad"] = MIDNIGHT_NS + k * 37_000_000, rng.uniform(0.0, TURN)
        turning.add(Detection(row, "", Moment(int(row["t_ns"][0]), k * 37_000_000)))
    assert not turning.is_turning
