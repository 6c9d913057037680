"""What a step must hold, one poison at a time, in a real tracker's real table."""

import numba
import numpy as np
import pytest

from casemate.constants import NS_PER_S
from casemate.errors import InvariantError
from casemate.model.catalog import EnvironmentSettings, RadarSite
from casemate.model.messages import Scan
from casemate.model.records import PLOT, freeze, missing
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import sensor_models
from casemate.tracking.lag import LaggedTracker
from casemate.tracking.sanity import check_step
from casemate.tracking.tracker import Tracker

FRAME = SiteFrame(43.0, 18.0, 300.0)
RADAR = RadarSite(
    name="a",
    lat_deg=43.0,
    lon_deg=18.0,
    height_m=310.0,
    scan_period_s=1.0,
    sigma_range_m=15.0,
    sigma_azimuth_deg=0.2,
    sigma_elevation_deg=0.2,
)
T0_NS = 1_000 * NS_PER_S


def scan_of(k):
    plots = missing(PLOT, 4)
    plots["range_m"], plots["az_rad"], plots["el_rad"] = 6000.0 - 200.0 * k, [0.5, 1.5, 2.5, 3.5], 0.3
    plots["t_ns"], plots["plot_id"] = T0_NS + k * NS_PER_S, 4 * k + np.arange(1, 5)
    t_ns = T0_NS + k * NS_PER_S
    return Scan(
        sensor_id=0,
        t_start_ns=t_ns,
        t_end_ns=t_ns,
        t_recv_ns=t_ns,
        az_from_rad=0.0,
        az_to_rad=0.0,
        plots=freeze(plots),
    )


@pytest.fixture
def lagged():
    environment = build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"), None, None)
    lagged = LaggedTracker(Tracker(sensor_models((RADAR,), FRAME), environment))
    for k in range(4):
        lagged.step(scan_of(k))
    return lagged


def test_a_sane_table_goes_on(lagged):
    assert len(lagged.step(scan_of(4)).tracks) >= 4


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e9])
def test_a_table_that_is_not_finite_or_has_a_variance_below_0(lagged, value):
    if numba.config.DISABLE_JIT and not np.isnan(value):
        pytest.skip("Python's own square root raises where the compiled one gives NaN")
    bank = lagged.tracker.bank
    bank.leaves["cov"][bank.order, :, 3, 3] = value
    with pytest.raises(InvariantError, match="track 1 "):
        lagged.step(scan_of(4))


def test_a_covariance_that_is_indefinite(lagged):
    step = lagged.step(scan_of(4))
    rows = step.tracks.copy()
    rows["cov"][1, 5, 6] = rows["cov"][1, 6, 5] = 2.0 * np.sqrt(rows["cov"][1, 5, 5] * rows["cov"][1, 6, 6])
    with pytest.raises(InvariantError, match="track 2 has a covariance with a negative eigenvalue"):
        check_step(step._replace(tracks=freeze(rows)), 4)


def test_ids_that_do_not_ascend(lagged):
    step = lagged.step(scan_of(4))
    with pytest.raises(InvariantError, match="is out of order: ids must ascend"):
        check_step(step._replace(tracks=freeze(step.tracks[::-1].copy())), 4)


def test_a_plot_without_a_fate(lagged):
    step = lagged.step(scan_of(4))
    with pytest.raises(InvariantError, match="5 plots have 4 fates"):
        check_step(step, 5)
