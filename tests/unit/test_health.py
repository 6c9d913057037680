import msgspec
import numpy as np
import pytest

from casemate.assess.health import HealthStage
from casemate.constants import NS_PER_S
from casemate.model.catalog import RadarSite
from casemate.model.messages import TICK_NS, Scan, SensorState
from casemate.model.records import PLOT, missing

T0_NS = 1_700_000_000 * NS_PER_S


def stage_of(*periods_s):
    place = {"lat_deg": 33.3, "lon_deg": 44.4, "height_m": 40.0, "sigma_range_m": 15.0, "sigma_azimuth_deg": 0.2}
    return HealthStage([RadarSite(name=f"r{k}", scan_period_s=p, **place) for k, p in enumerate(periods_s)])


def scan_of(sensor_id, t_s, lasts_s):
    end_ns = T0_NS + round(t_s * NS_PER_S)
    times = {"t_start_ns": end_ns - round(lasts_s * NS_PER_S), "t_end_ns": end_ns, "t_recv_ns": end_ns}
    return Scan(sensor_id=sensor_id, az_from_rad=0.0, az_to_rad=0.0, plots=missing(PLOT, 0), **times)


def told(stage, inputs):
    """Step by (time [s], scan or None) in order of time; return (sensor, state, time [s]) of all that was told."""
    news = []
    for t_s, scan in inputs:
        news += stage.step(T0_NS + round(t_s * NS_PER_S), scan)
    return [(each.sensor_id, each.state, round((each.t_ns - T0_NS) / NS_PER_S, 3)) for each in news]


def a_feed(sensor_id, period_s, sectors, spans_s, arc=1.0):
    step = period_s / sectors
    places = [k for first, last in spans_s for k in range(round(first / step) + 1, round(last / step) + 1)]
    covered = [k for k in places if (k - 1) % sectors < arc * sectors]
    return [(k * step, scan_of(sensor_id, k * step, step)) for k in covered]


def in_order(*feeds, until_s):
    period_s = TICK_NS / NS_PER_S
    ticks = [(k * period_s, None) for k in range(1, round(until_s / period_s))]
    return sorted([*ticks, *(each for feed in feeds for each in feed)], key=lambda each: (each[0], each[1] is None))


@pytest.mark.parametrize("period_s", [0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("sectors", [1, 8])
@pytest.mark.parametrize("phase", [0, 3, 5])
def test_a_sensor_that_falls_silent_is_lost_within_two_seconds_or_two_scans_and_found_at_once(period_s, sectors, phase):
    step = period_s / sectors
    last_s, back_s = 40.0 + phase * step, 60.0 + phase * step
    feed = a_feed(0, period_s, sectors, [(0.0, last_s), (back_s, 100.0)])
    other = a_feed(1, 1.0, 8, [(0.0, 100.0)])
    news = [each for each in told(stage_of(period_s, 1.0), in_order(feed, other, until_s=100)) if each[0] == 0]
    assert [state for _, state, _ in news] == [SensorState.OK, SensorState.LOST, SensorState.OK]
    assert 0.0 < news[1][2] - last_s <= max(2.0, 2.0 * period_s)
    assert news[2][2] == pytest.approx(back_s + step, abs=1e-3)


def test_alone_it_is_noticed_by_ticks():
    news = told(stage_of(1.0), in_order(a_feed(0, 1.0, 8, [(0.0, 10.625)]), until_s=20))
    assert [state for _, state, _ in news] == [SensorState.OK, SensorState.LOST]
    assert news[1][2] - 10.625 <= 2.0


@pytest.mark.parametrize("period_s", [0.25, 0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("sectors", [1, 4])
@pytest.mark.parametrize("offset_s", [0.0, 0.1, 0.3, 0.45, 0.62, 0.87])
def test_alone_it_is_noticed_in_time_wherever_its_turns_begin(period_s, sectors, offset_s):
    """A whole turn of a lone 1 Hz sensor was told lost up to 2.5 s late when ticks came each second."""
    turns = a_feed(0, period_s, sectors, [(0.0, 40.0)])
    feed = [(t_s + offset_s, scan_of(0, t_s + offset_s, period_s / sectors)) for t_s, _ in turns]
    news = told(stage_of(period_s), in_order(feed, until_s=60))
    assert [state for _, state, _ in news] == [SensorState.OK, SensorState.LOST]
    assert news[1][2] - (40.0 + offset_s) <= max(2.0, 2.0 * period_s)


@pytest.mark.parametrize("seed", range(20))
def test_a_sensor_that_delivers_is_never_lost_however_its_deliveries_jitter(seed):
    rng = np.random.default_rng(seed)
    period_s, sectors = rng.choice([0.5, 1.0, 4.0]), rng.choice([1, 8, 64])
    arc = 1.0 if sectors == 1 else rng.choice([0.25, 1.0])
    feed = [(t_s + rng.uniform(0.0, 0.12), scan) for t_s, scan in a_feed(0, period_s, sectors, [(0.0, 120.0)], arc)]
    news = told(stage_of(period_s), in_order(feed, until_s=110))
    assert [state for _, state, _ in news] == [SensorState.OK]


def test_what_ends_in_the_future_or_names_no_sensor_is_no_delivery():
    stage = stage_of(1.0)
    assert told(stage, [(1.0, scan_of(0, 3600.0, 0.1)), (2.0, scan_of(7, 2.0, 0.1)), (3.0, None)]) == []


def test_an_old_scan_does_not_make_a_sensor_lost_or_well():
    stage = stage_of(1.0)
    inputs = [(0.5 * k, scan_of(0, 0.5 * k, 0.5)) for k in range(1, 11)]
    assert [state for _, state, _ in told(stage, inputs)] == [SensorState.OK]
    stale = [(5.0 + 0.5 * k, scan_of(0, -3600.0 + 0.5 * k, 0.5)) for k in range(1, 11)]
    assert [(state, t_s) for _, state, t_s in told(stage, stale)] == [(SensorState.LOST, 6.5)]


def looks(rng, period_s, sectors, n_turns, n_plots, is_frozen_from=10**9, is_frozen_to=10**9):
    """A sensor's scans with plots: new ones each turn, and from a turn on the last ones again with new times."""
    feed = []
    for turn in range(n_turns):
        if not is_frozen_from <= turn < is_frozen_to:
            shown = [np.round(rng.uniform(0.0, 1.0, (3, n_plots)), 4) for _ in range(sectors)]
        for k in range(sectors):
            end_s = turn * period_s + (k + 1) * period_s / sectors
            plots = missing(PLOT, n_plots)
            plots["range_m"], plots["az_rad"], plots["el_rad"] = shown[k]
            scan = msgspec.structs.replace(scan_of(0, end_s, period_s / sectors), plots=plots, az_from_rad=float(k))
            feed.append((end_s, scan))
    return feed


@pytest.mark.parametrize("period_s", [0.25, 1.0, 4.0])
@pytest.mark.parametrize("sectors", [1, 4])
def test_a_sensor_that_shows_the_same_again_and_again_is_as_good_as_lost(period_s, sectors):
    rng = np.random.default_rng(7)
    feed = looks(rng, period_s, sectors, 60, 5, is_frozen_from=20, is_frozen_to=40)
    news = told(stage_of(period_s), feed)
    assert [state for _, state, _ in news] == [SensorState.OK, SensorState.LOST, SensorState.OK]
    frozen_s = news[1][2] - 20 * period_s
    assert 2.0 - period_s < frozen_s <= max(3.0, 4.0 * period_s)
    assert news[2][2] == pytest.approx((40 + 1 / sectors) * period_s, abs=1e-3)


@pytest.mark.parametrize("seed", range(10))
def test_coarse_plots_and_what_comes_twice_are_not_frozen(seed):
    """One plot in steps of a tenth repeats itself once in a thousand turns; the network says things twice."""
    rng = np.random.default_rng(seed)
    feed = [(t_s, scan) for t_s, scan in looks(rng, 1.0, 4, 100, 1) for _ in range(2)]
    for _, scan in feed:
        for name in ("range_m", "az_rad", "el_rad"):
            scan.plots[name] = np.round(scan.plots[name], 1)
    assert [state for _, state, _ in told(stage_of(1.0), feed)] == [SensorState.OK]
