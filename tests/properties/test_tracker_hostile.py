"""Hostile scans: whatever comes through the door, the table holds finite numbers and the answers add up."""

import math

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from casemate.constants import NS_PER_S
from casemate.model.catalog import EnvironmentSettings, RadarSite
from casemate.model.messages import Scan
from casemate.model.records import PLOT, Refusal, freeze, missing
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import sensor_models
from casemate.tracking.tracker import Tracker

FRAME = SiteFrame(43.0, 18.0, 300.0)
FACTS = {"height_m": 310.0, "sigma_range_m": 15.0, "sigma_azimuth_deg": 0.2}
SENSORS = sensor_models(
    (
        RadarSite(name="a", lat_deg=43.0, lon_deg=18.0, scan_period_s=1.0, sigma_elevation_deg=0.2, **FACTS),
        RadarSite(name="b", lat_deg=43.1, lon_deg=18.1, scan_period_s=4.0, range_m=(100.0, 3e5), **FACTS),
    ),
    FRAME,
)
ENVIRONMENT = build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"), None, None)
NASTY = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1.0, 1e-300, 1e300, -1e300, 5e-324])


def values(low, high):
    """Draw plausible, edge or nonsense values."""
    return st.one_of(st.floats(low, high), st.floats(low, high), NASTY)


PLOTS = st.fixed_dictionaries(
    {
        "range_m": values(50.0, 30e3),
        "az_rad": values(-7.0, 7.0),
        "el_rad": values(-1.6, 1.6),
        "height_m": values(-500.0, 20e3),
        "range_rate_mps": values(-900.0, 900.0),
        "sigma_range_m": values(1e-3, 1e3),
        "sigma_az_rad": values(1e-7, 0.5),
        "sigma_el_rad": values(1e-7, 0.5),
        "sigma_range_rate_mps": values(1e-3, 10.0),
        "t_ns": st.one_of(st.integers(-2 * NS_PER_S, NS_PER_S), st.sampled_from([-(2**62), 2**62])),
        "sensor_id": st.sampled_from([0, 0, 0, 1, 7]),
    }
)
SCANS = st.fixed_dictionaries(
    {
        "sensor_id": st.sampled_from([0, 0, 0, 1, 1, 65535]),
        "step_ns": st.one_of(st.integers(0, 5 * NS_PER_S), st.sampled_from([-NS_PER_S, 10**15, 2**61])),
        "arc": st.tuples(values(0.0, 6.3), values(0.0, 6.3)),
        "plots": st.lists(PLOTS, max_size=6),
        "is_repeated": st.booleans(),
    }
)


def scan_of(t_ns, drawn, first_id):
    """Make a scan of what was drawn."""
    rows = drawn["plots"] * (2 if drawn["is_repeated"] else 1)
    plots = missing(PLOT, len(rows))
    for k, row in enumerate(rows):
        for name, value in row.items():
            plots[name][k] = value if name != "t_ns" else np.clip(t_ns + value, -(2**62), 2**62)
    plots["plot_id"] = first_id + np.arange(len(rows))
    return Scan(
        sensor_id=drawn["sensor_id"],
        t_start_ns=t_ns,
        t_end_ns=t_ns,
        t_recv_ns=t_ns,
        az_from_rad=drawn["arc"][0],
        az_to_rad=drawn["arc"][1],
        plots=freeze(plots),
    )


def check(tracker, step, scan):
    """The table is finite, the rows too but for an unknown height, and every plot has one fate."""
    table = tracker.table
    assert np.isfinite(table.x).all()
    assert np.isfinite(table.cov).all()
    assert np.isfinite(table.score).all()
    known = step.tracks[step.tracks["is_height_known"]]
    assert np.isfinite(known["state"]).all()
    assert np.isfinite(np.delete(step.tracks["state"], 2, axis=1)).all()
    assert np.isfinite(step.tracks["cov"]).all()
    if len(step.tracks):
        assert (
            np.linalg.eigvalsh(
                step.tracks["cov"] / np.maximum(np.abs(step.tracks["cov"]).max(axis=(1, 2)), 1.0)[:, None, None]
            ).min()
            > -1e-6
        )
    assert len(step.fates) == len(scan.plots)
    used = step.fates["refusal"] == Refusal.NONE
    assert (step.fates["track_id"][used] > 0).all()
    # a duplicate changes nothing, but names the track of the plot that it repeats
    refused = ~used & (step.fates["refusal"] != Refusal.DUPLICATE)
    assert (step.fates["track_id"][refused] == 0).all()
    refused = sum(v for k, v in step.diagnostics.items() if k.startswith("refused_"))
    assert refused + int(used.sum()) == step.diagnostics["plots_in"]
    assert len(set(table.track_id.tolist())) == table.n


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(SCANS, min_size=1, max_size=12))
def test_the_table_never_holds_a_number_that_is_not_finite(drawn):
    """Thousands of hostile scans."""
    tracker, t_ns = Tracker(SENSORS, ENVIRONMENT), 1_000 * NS_PER_S
    for k, each in enumerate(drawn):
        here = t_ns + each["step_ns"]
        scan = scan_of(here, each, 100 * k + 1)
        check(tracker, tracker.update(scan), scan)
        if abs(each["step_ns"]) < 10**12:
            t_ns = max(here, t_ns)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(-(10**15), 10**15))
def test_a_shift_of_time_and_the_order_of_plots_change_nothing(seed, shift_ns):
    """The same scene later, with its plots in another order, gives the same tracks."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(-1.0, 1.0, (6, 3)) * [9e3, 9e3, 800.0] + [0.0, 0.0, 1500.0]
    vel = rng.uniform(-1.0, 1.0, (6, 3)) * [200.0, 200.0, 30.0]
    noise = rng.normal(0.0, 1.0, (6, 6, 3)) * [15.0, 3e-3, 3e-3]
    ends = []
    for shift, order in ((0, np.arange(6)), (shift_ns, rng.permutation(6))):
        tracker = Tracker(SENSORS, ENVIRONMENT)
        for k in range(6):
            pos = start + k * vel
            z = SENSORS[0].measure(pos, vel)
            plots = missing(PLOT, 6)
            plots["range_m"], plots["az_rad"], plots["el_rad"] = z.range_m, z.az_rad, z.el_rad
            for j, name in enumerate(("range_m", "az_rad", "el_rad")):
                plots[name] += noise[k, :, j]
            t_ns = 2_000_000 * NS_PER_S + shift + k * NS_PER_S
            plots["t_ns"], plots["plot_id"] = t_ns, np.arange(6)
            step = tracker.update(
                Scan(
                    sensor_id=0,
                    t_start_ns=t_ns,
                    t_end_ns=t_ns,
                    t_recv_ns=t_ns,
                    az_from_rad=0.0,
                    az_to_rad=0.0,
                    plots=freeze(plots[order]),
                )
            )
        ends.append(step.tracks["state"][np.lexsort(np.round(step.tracks["state"][:, :2], 3).T)])
    assert ends[0].shape == ends[1].shape
    assert np.allclose(ends[0], ends[1], rtol=1e-9, atol=1e-6)
