"""The door: every way in which a plot can be wrong has its reason, and the plots beside it are used."""

import math

import msgspec
import numpy as np
import pytest

from casemate.constants import NS_PER_S
from casemate.model.catalog import RadarSite
from casemate.model.messages import Scan
from casemate.model.records import PLOT, Refusal, freeze, missing
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import SensorModel
from casemate.tracking import door
from casemate.tracking.filter import floats_of

T0_NS = 1_000 * NS_PER_S
RADAR = RadarSite(
    name="r",
    lat_deg=43.0,
    lon_deg=18.0,
    height_m=310.0,
    scan_period_s=1.0,
    sigma_range_m=15.0,
    sigma_azimuth_deg=0.2,
    sigma_elevation_deg=0.2,
)
SENSOR = SensorModel.of(RADAR, SiteFrame(43.0, 18.0, 300.0))


def a_scan(n=2):
    plots = missing(PLOT, n)
    plots["range_m"], plots["az_rad"], plots["el_rad"] = 5000.0 + 100.0 * np.arange(n), 1.0, 0.2
    plots["t_ns"], plots["plot_id"] = T0_NS, 1 + np.arange(n)
    return Scan(
        sensor_id=0,
        t_start_ns=T0_NS,
        t_end_ns=T0_NS,
        t_recv_ns=T0_NS,
        az_from_rad=0.0,
        az_to_rad=0.0,
        plots=freeze(plots),
    )


def judged(scan, t_late_ns=0):
    found = door.judge(scan, floats_of(scan.plots), door.bounds_of(SENSOR), t_late_ns, door.NOTHING_SEEN)
    return [Refusal(why) for why in found]


def spoilt(field, value):
    scan = a_scan()
    plots = scan.plots.copy()
    plots[field][1] = value
    return msgspec.structs.replace(scan, plots=freeze(plots))


SIGMAS = ("sigma_range_m", "sigma_az_rad", "sigma_el_rad", "sigma_range_rate_mps")
FLOATS = [name for name in PLOT.names if PLOT[name] == np.float64]


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("range_m", math.nan, Refusal.NOT_FINITE),
        ("az_rad", math.nan, Refusal.NOT_FINITE),
        *((field, math.inf, Refusal.NOT_FINITE) for field in FLOATS),
        *((field, -math.inf, Refusal.NOT_FINITE) for field in FLOATS),
        ("range_m", -5000.0, Refusal.OUT_OF_RANGE),
        ("range_m", 0.0, Refusal.OUT_OF_RANGE),
        ("range_m", 25_501.0, Refusal.OUT_OF_RANGE),
        ("el_rad", math.pi / 2.0, Refusal.OUT_OF_RANGE),  # there azimuth says nothing
        ("el_rad", -1.0, Refusal.OUT_OF_RANGE),
        ("height_m", -40_000.0, Refusal.OUT_OF_RANGE),
        ("range_rate_mps", 20_000.0, Refusal.OUT_OF_RANGE),
        *((field, value, Refusal.BAD_SIGMA) for field in SIGMAS for value in (0.0, -1.0, 5e-324, 1e155, 1e300)),
        ("t_ns", T0_NS + 1, Refusal.FUTURE),
        ("t_ns", T0_NS - 61 * NS_PER_S, Refusal.LATE),
        ("sensor_id", 7, Refusal.UNKNOWN_SENSOR),
        ("range_m", 5000.0, Refusal.DUPLICATE),
        *((field, math.nan, Refusal.NONE) for field in SIGMAS),  # not said: the site file's
        ("el_rad", math.nan, Refusal.NONE),
    ],
)
def test_a_bad_plot_is_refused_by_its_reason_and_the_one_beside_it_is_not(field, value, why):
    assert judged(spoilt(field, value)) == [Refusal.NONE, why]


def test_of_several_reasons_the_first_of_the_list_is_given():
    scan = spoilt("sigma_range_m", -1.0)
    plots = scan.plots.copy()
    seen = []
    for field, value in (("t_ns", T0_NS + 1), ("t_ns", 0), ("range_m", -1.0), ("sensor_id", 7), ("az_rad", math.inf)):
        plots[field][1] = value
        seen += judged(msgspec.structs.replace(scan, plots=freeze(plots.copy())))[1:]
    assert seen == [Refusal.FUTURE, Refusal.LATE, Refusal.OUT_OF_RANGE, Refusal.UNKNOWN_SENSOR, Refusal.NOT_FINITE]


@pytest.mark.parametrize("times", [{"t_recv_ns": T0_NS - door.AHEAD_NS - 1}, {"t_end_ns": 2**62}, {"t_start_ns": -1}])
def test_a_scan_whose_times_cannot_be_is_from_the_future(times):
    assert not door.is_timely(msgspec.structs.replace(a_scan(), **times))
    assert Refusal.NONE not in judged(msgspec.structs.replace(a_scan(), **times))


def test_late_is_what_lies_a_tenth_of_a_turn_before_the_last_scan():
    t_late_ns = door.late_before_ns(T0_NS, SENSOR)
    assert t_late_ns == T0_NS - NS_PER_S // 10
    assert judged(spoilt("t_ns", t_late_ns - 1), t_late_ns) == [Refusal.NONE, Refusal.LATE]
    assert judged(spoilt("t_ns", t_late_ns), t_late_ns) == [Refusal.NONE, Refusal.NONE]
