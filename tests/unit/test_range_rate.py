"""Range rates through the tracker: used where plots carry them, not missed, and only with the right sign."""

import math

import numpy as np
import pytest

from casemate.constants import NS_PER_S
from casemate.model.catalog import EnvironmentSettings, RadarSite
from casemate.model.messages import Scan
from casemate.model.records import PLOT, TrackStatus, freeze, missing
from casemate.physics.ballistics import fly
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import SensorModel
from casemate.tracking.tracker import Tracker

FRAME = SiteFrame(33.3, 44.39, 34.0)
ENVIRONMENT = build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"), None, None)
T0_NS = 1_767_225_600 * NS_PER_S
N_SCANS = 12


def radar(**changes: object) -> SensorModel:
    facts = {
        "name": "r",
        "lat_deg": 33.3,
        "lon_deg": 44.39,
        "height_m": 44.0,
        "scan_period_s": 1.0,
        "sigma_range_m": 15.0,
        "sigma_azimuth_deg": 0.17,
        "sigma_elevation_deg": 0.17,
        "sigma_range_rate_mps": 2.0,
    }
    return SensorModel.of(RadarSite(**(facts | changes)), FRAME)


def errors_of(rates, seed):
    """Fly one incoming round past a radar; its confirmed track's error of velocity [m/s], NaN where there is none.

    Rows by scan: the whole of it, and along the line of sight.

    `rates` writes the range rates: (n,) true ones in, what the plots say out.
    """
    rng = np.random.default_rng(seed)
    sensor, start = radar(), np.array([1000.0, 9000.0, 300.0, -20.0, -210.0, 190.0, math.log(1.5e-4)])
    path = fly(start, ENVIRONMENT)
    t = 0.3 + np.arange(N_SCANS)
    pos, vel = (
        np.column_stack([np.interp(t, path.t_s, each[:, k]) for k in range(3)]) for each in (path.pos_m, path.vel_mps)
    )
    seen, tracker, errors = sensor.measure(pos, vel), Tracker((sensor,), ENVIRONMENT), np.full((N_SCANS, 2), math.nan)
    says = rates(seen.range_rate_mps + 2.0 * rng.normal(size=N_SCANS))
    for i in range(N_SCANS):
        plots, t_ns = missing(PLOT, 1), T0_NS + round(t[i] * NS_PER_S)
        plots["plot_id"], plots["t_ns"], plots["range_rate_mps"] = i + 1, t_ns, says[i]
        plots["range_m"] = seen.range_m[i] + 15.0 * rng.normal()
        plots["az_rad"] = (seen.az_rad[i] + 3e-3 * rng.normal()) % (2.0 * math.pi)
        plots["el_rad"] = seen.el_rad[i] + 3e-3 * rng.normal()
        when = {"t_start_ns": t_ns, "t_end_ns": t_ns, "t_recv_ns": t_ns}
        rows = tracker.update(Scan(sensor_id=0, **when, az_from_rad=0.0, az_to_rad=0.0, plots=freeze(plots))).tracks
        rows = rows[(rows["status"] == TrackStatus.CONFIRMED) & (rows["n_hit"] == i + 1)]
        if len(rows):
            off = rows["state"][0, 3:6] - vel[i]
            errors[i] = np.linalg.norm(off), off @ (pos[i] - sensor.position_m) / seen.range_m[i]
    return errors


def never(rates):
    return np.full(len(rates), math.nan)


def at_times(rates):
    return np.where(np.arange(len(rates)) % 2 == 0, rates, math.nan)


@pytest.mark.parametrize("seed", range(5))
def test_a_range_rate_is_used_and_may_be_missing(seed):
    """Each plot has one or not; the track is the same one to the end."""
    for rates in (lambda rates: rates, at_times, never):
        errors = errors_of(rates, seed)
        assert np.isfinite(errors[6:]).all()
        assert errors[-1, 0] < 20.0


def test_range_rates_make_the_velocity_better():
    """Along the line of sight, rms of 20 rounds 3 s after the first plot: 2 m/s each, where positions allow 7 m/s."""
    with_rate, without = (
        math.sqrt(np.nanmean([errors_of(rates, seed)[3, 1] ** 2 for seed in range(20)]))
        for rates in (lambda rates: rates, never)
    )
    assert with_rate < 2.5
    assert without > 2.0 * with_rate


@pytest.mark.parametrize("seed", range(5))
def test_a_range_rate_of_the_wrong_sign_fits_no_track(seed):
    """Positive is receding. A radar that means it the other way gets no track out of its plots, not a wrong one."""
    assert not np.isfinite(errors_of(lambda rates: -rates, seed)).any()
