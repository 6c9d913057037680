"""What a lag takes in and what it refuses, one case at a time; the law is in the property tests."""

import msgspec
import numpy as np
import pytest

from casemate.constants import NS_PER_S
from casemate.model.catalog import EnvironmentSettings, RadarSite
from casemate.model.messages import Scan, Tick
from casemate.model.records import PLOT, Refusal, TrackStatus, freeze, missing
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import sensor_models
from casemate.tracking.lag import LaggedTracker
from casemate.tracking.tracker import Tracker

FRAME = SiteFrame(43.0, 18.0, 300.0)
FACTS = {"lat_deg": 43.0, "lon_deg": 18.0, "height_m": 310.0, "sigma_range_m": 15.0, "sigma_azimuth_deg": 0.2}
SENSORS = sensor_models(
    tuple(RadarSite(name=name, scan_period_s=1.0, sigma_elevation_deg=0.2, **FACTS) for name in "ab"), FRAME
)
T0_NS = 1_000 * NS_PER_S


@pytest.fixture(scope="module")
def environment():
    return build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"), None, None)


def scan_of(k, sensor_id=0, n=3):
    """A staring radar's scan at k seconds."""
    t_ns = T0_NS + round(k * NS_PER_S)
    plots = missing(PLOT, n)
    plots["range_m"] = 6000.0 - 200.0 * k + 7.0 * sensor_id
    plots["az_rad"], plots["el_rad"] = np.linspace(0.5, 4.5, n), 0.3
    plots["t_ns"], plots["sensor_id"], plots["plot_id"] = t_ns, sensor_id, 100 + np.arange(n)
    return Scan(
        sensor_id=sensor_id,
        t_start_ns=t_ns,
        t_end_ns=t_ns,
        t_recv_ns=t_ns,
        az_from_rad=0.0,
        az_to_rad=0.0,
        plots=freeze(plots),
    )


def lagged_of(environment, lag_s=2.0):
    return LaggedTracker(Tracker(SENSORS, environment), lag_s)


def played(environment, messages, lag_s=2.0):
    lagged = lagged_of(environment, lag_s)
    return lagged, [lagged.step(message) for message in messages]


def test_a_lag_of_0_is_the_tracker_itself(environment):
    messages = [scan_of(k / 2, k % 2) for k in range(8)]
    tracker = Tracker(SENSORS, environment)
    _, steps = played(environment, messages, 0.0)
    for step, message in zip(steps, messages, strict=True):
        wanted = tracker.update(message)
        assert step.tracks.tobytes() == wanted.tracks.tobytes()
        assert step.fates.tobytes() == wanted.fates.tobytes()
        assert step.diagnostics == wanted.diagnostics


def test_a_late_scan_is_told_at_the_newest_time_and_its_cost_is_counted(environment):
    in_order = [scan_of(0), scan_of(0.5, 1), scan_of(1), scan_of(1.5, 1), scan_of(2)]
    lagged, steps = played(environment, [in_order[i] for i in (0, 1, 2, 4, 3)])
    assert steps[-1].diagnostics["steps_replayed"] == 1
    assert [step.diagnostics["steps_replayed"] for step in steps[:-1]] == [0, 0, 0, 0]
    assert lagged.t_ns == T0_NS + 2 * NS_PER_S
    assert (steps[-1].tracks["t_ns"] == lagged.t_ns).all()
    assert len(steps[-1].tracks) == 3  # each has a plot more
    assert steps[-1].fates["plot_id"].tolist() == [100, 101, 102]
    wanted, _ = played(environment, in_order)
    assert lagged.tracker.picture(lagged.t_ns).tobytes() == wanted.tracker.picture(lagged.t_ns).tobytes()


def test_a_late_tick_that_changes_nothing_says_nothing(environment):
    lagged, steps = played(environment, [scan_of(0), scan_of(1), scan_of(2), Tick(t_ns=T0_NS + NS_PER_S + 1)])
    assert steps[-1].diagnostics["steps_replayed"] == 1
    assert len(steps[-1].tracks) == 0
    assert lagged.t_ns == T0_NS + 2 * NS_PER_S


def test_beyond_the_lag_is_late_and_no_track_feels_it(environment):
    messages = [scan_of(k) for k in (0, 1, 3, 4, 5)]
    lagged, _ = played(environment, messages)
    before = lagged.tracker.picture(lagged.t_ns).tobytes()
    step = lagged.step(msgspec.structs.replace(scan_of(2), sensor_id=1))
    assert step.fates["refusal"].tolist() == [Refusal.LATE] * 3
    assert step.diagnostics == {"plots_in": 3, "refused_late": 3}
    assert len(lagged.step(Tick(t_ns=T0_NS)).tracks) == 0
    assert lagged.tracker.picture(lagged.t_ns).tobytes() == before


def test_a_plot_brought_by_a_later_scan_goes_to_its_own(environment):
    own, later = scan_of(1), scan_of(3)
    away = own.plots[:1]
    short = msgspec.structs.replace(own, plots=freeze(own.plots[1:]))
    long = msgspec.structs.replace(later, plots=freeze(np.concatenate([later.plots, away])))
    wanted, _ = played(environment, [scan_of(0), own, scan_of(2), later])
    lagged, steps = played(environment, [scan_of(0), short, scan_of(2), long])
    assert steps[-1].fates["refusal"].tolist() == [Refusal.NONE] * 4
    assert steps[-1].fates["plot_id"].tolist() == [*later.plots["plot_id"], away["plot_id"][0]]
    assert lagged.tracker.picture(lagged.t_ns).tobytes() == wanted.tracker.picture(lagged.t_ns).tobytes()
    _, short_lag = played(environment, [scan_of(0), short, scan_of(2), long], 1.5)
    assert short_lag[-1].fates["refusal"].tolist() == [Refusal.NONE] * 3 + [Refusal.LATE]


def test_a_track_that_late_plots_undo_is_told_as_dropped(environment):
    """Ids count births in order of time: late plots of a round that came first take the first id."""
    first, second = scan_of(0, n=1), [scan_of(k, 1, n=2) for k in (0.5, 1.5)]
    lagged, steps = played(environment, [*second, first])
    shown = {}
    for step in steps:
        shown |= {int(row["track_id"]): int(row["status"]) for row in step.tracks}
    standing = sorted(i for i, status in shown.items() if status != TrackStatus.DROPPED)
    assert standing == lagged.tracker.picture(lagged.t_ns)["track_id"].tolist()


@pytest.mark.parametrize("lag_s", [0.0, 2.0])
def test_what_is_refused_whole_moves_no_time(environment, lag_s):
    lagged, _ = played(environment, [scan_of(0), scan_of(1)], lag_s)
    far = 10**15
    future = msgspec.structs.replace(scan_of(2), t_end_ns=T0_NS + far)
    unknown = msgspec.structs.replace(scan_of(2), sensor_id=9, t_end_ns=T0_NS + far, t_recv_ns=T0_NS + far)
    old = scan_of(-500, 1)
    for message, why in ((future, Refusal.FUTURE), (unknown, Refusal.UNKNOWN_SENSOR), (old, Refusal.LATE)):
        step = lagged.step(message)
        assert set(step.fates["refusal"].tolist()) == {why}
        assert len(step.tracks) == 0
    assert len(lagged.step(Tick(t_ns=-5)).tracks) == 0
    assert lagged.t_ns == T0_NS + NS_PER_S
    assert set(lagged.step(scan_of(2)).fates["refusal"].tolist()) == {Refusal.NONE}


def test_without_a_lag_a_sector_before_its_sensors_last_is_refused_whole(environment):
    lagged, _ = played(environment, [scan_of(0), scan_of(1)], 0.0)
    before = lagged.tracker.picture(lagged.t_ns).tobytes()
    assert set(lagged.step(scan_of(0.5)).fates["refusal"].tolist()) == {Refusal.LATE}
    assert lagged.tracker.picture(T0_NS + NS_PER_S).tobytes() == before
