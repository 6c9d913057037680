"""Hostile scans: whatever comes through the door, the table holds finite numbers and the answers add up."""

import math

import numpy as np
import pytest
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
from casemate.tracking import door
from casemate.tracking.filter import FLOAT_FIELDS
from casemate.tracking.lag import LaggedTracker
from casemate.tracking.sanity import check_step
from casemate.tracking.tracker import Tracker

FRAME = SiteFrame(43.0, 18.0, 300.0)
FACTS = {"height_m": 310.0, "sigma_range_m": 15.0, "sigma_azimuth_deg": 0.2}
SENSORS = sensor_models(
    (
        RadarSite(name="a", lat_deg=43.0, lon_deg=18.0, scan_period_s=1.0, sigma_elevation_deg=0.2, **FACTS),
        RadarSite(name="b", lat_deg=43.1, lon_deg=18.1, scan_period_s=4.0, range_m=(100.0, 3e5), **FACTS),
        RadarSite(
            name="c",
            lat_deg=43.0,
            lon_deg=18.0,
            scan_period_s=0.25,
            sigma_elevation_deg=0.1,
            sigma_range_rate_mps=1.0,
            azimuth_deg=(300.0, 60.0),
            **FACTS,
        ),
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
        "sensor_id": st.sampled_from([0, 0, 0, 1, 1, 2, 65535]),
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


def check_covariances(cov):
    """Symmetric, and without a negative eigenvalue among the correlations."""
    sigma = np.sqrt(cov.diagonal(axis1=1, axis2=2))
    assert (sigma > 0.0).all()
    correlation = cov / (sigma[:, :, None] * sigma[:, None, :])
    assert np.abs(correlation - correlation.transpose(0, 2, 1)).max(initial=0.0) < 1e-6
    assert np.linalg.eigvalsh(correlation).min(initial=0.0) > -1e-6


def check(tracker, step, scan, t_ns):
    """The table is finite, the rows too but for an unknown height, every plot has one fate, and the counts add up."""
    leaves = tracker.bank.leaves[tracker.bank.order]
    for name in ("x", "cov", "score"):
        assert np.isfinite(leaves[name]).all(), name
    assert step.diagnostics.get("tracks_not_finite", 0) == 0
    for rows in (step.tracks, tracker.picture(t_ns)):
        assert np.isfinite(rows["state"][rows["is_height_known"]]).all()
        assert np.isfinite(np.delete(rows["state"], 2, axis=1)).all()
        for name in ("llr", "p_exists", "p_ballistic"):
            assert np.isfinite(rows[name]).all()
        assert (np.diff(rows["track_id"].astype(int)) > 0).all()
        check_covariances(rows["cov"])
    assert step.fates["plot_id"].tolist() == scan.plots["plot_id"].tolist()
    used = step.fates["refusal"] == Refusal.NONE
    # a duplicate changes nothing, but names the track of the plot that it repeats
    refused = ~used & (step.fates["refusal"] != Refusal.DUPLICATE)
    assert (step.fates["track_id"][refused] == 0).all()
    refused = sum(v for k, v in step.diagnostics.items() if k.startswith("refused_"))
    assert refused + int(used.sum()) == step.diagnostics["plots_in"] == len(scan.plots)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(SCANS, min_size=1, max_size=12), st.sampled_from([0.0, 2.0]))
def test_the_table_never_holds_a_number_that_is_not_finite(drawn, lag_s):
    """Thousands of hostile scans."""
    tracker, t_ns = Tracker(SENSORS, ENVIRONMENT), 1_000 * NS_PER_S
    lagged = LaggedTracker(tracker, lag_s)
    for k, each in enumerate(drawn):
        here = t_ns + each["step_ns"]
        scan = scan_of(here, each, 100 * k + 1)
        check(tracker, lagged.step(scan), scan, lagged.t_ns)
        if abs(each["step_ns"]) < 10**12:
            t_ns = max(here, t_ns)


BOUNDS = {name: [door.LOW[name], door.HIGH.get(name, 3e4)] for name in FLOAT_FIELDS}
EDGES = {
    name: np.array([*edges, *np.nextafter(edges, 0.0), *np.nextafter(edges, [-math.inf, math.inf]), math.nan, 0.0])
    for name, edges in BOUNDS.items()
}
GARBAGE = np.array([math.nan, math.inf, -math.inf, 0.0, -0.0, -1.0, 1e-300, 5e-324, 1e300, -1e300, 1e155, 2.0**63])


class Siege:
    """A scene of rounds, seen by three radars whose plots are spoilt in every way that a plot can be."""

    def __init__(self, seed):
        self.rng, self.t_ns, self.n_plots = np.random.default_rng(seed), 1_000_000 * NS_PER_S, 0
        self._begin()

    def _begin(self):
        rng = self.rng
        self.t0_ns = self.t_ns
        self.start = rng.uniform(-1.0, 1.0, (8, 3)) * [9e3, 9e3, 800.0] + [0.0, 0.0, 1500.0]
        self.vel = rng.uniform(-1.0, 1.0, (8, 3)) * [400.0, 400.0, 120.0]

    def scan(self):
        """Make the next scan: mostly of real things, a third of its plots spoilt, its own words sometimes too."""
        rng = self.rng
        s = int(rng.integers(0, 3))
        if self.t_ns - self.t0_ns > 20 * NS_PER_S:
            self._begin()
        t_ns = self.t_ns + int(rng.choice([0, NS_PER_S // 4, NS_PER_S // 4, NS_PER_S // 4, NS_PER_S, -NS_PER_S]))
        if rng.random() < 0.01:
            t_ns += int(rng.choice([-(10**12), 10**11, 10**12, 2**62]))
        plots = self._plots(s, t_ns)
        t_end_ns = t_ns if rng.random() < 0.98 else int(rng.choice([t_ns + 2**61, -1, 2**63 - 1]))
        self.t_ns = max(self.t_ns, t_ns) if t_ns < self.t_ns + 2 * 10**12 else self.t_ns
        arc = rng.choice([0.0, 0.0, 1.0, 6.0, -1.0, 7.0, math.nan, math.inf], 2) if rng.random() < 0.2 else (0.0, 0.0)
        return Scan(
            sensor_id=s if rng.random() < 0.97 else int(rng.choice([3, 65535, -1])),
            t_start_ns=t_ns - int(rng.choice([0, NS_PER_S // 8, 2 * NS_PER_S, 10**18], p=[0.5, 0.3, 0.19, 0.01])),
            t_end_ns=t_end_ns,
            t_recv_ns=t_ns + int(rng.choice([0, 10**9, -(10**12)], p=[0.7, 0.29, 0.01])),
            az_from_rad=float(arc[0]),
            az_to_rad=float(arc[1]),
            plots=freeze(plots),
        )

    def _plots(self, s, t_ns):
        rng, sensor = self.rng, SENSORS[s]
        t_s = np.clip(t_ns - self.t0_ns, -(10**11), 10**11) / NS_PER_S
        z = sensor.measure(self.start + self.vel * t_s, self.vel)
        plots = missing(PLOT, 8 + rng.integers(0, 5))
        for name, noise in (("range_m", 15.0), ("az_rad", 3e-3), ("el_rad", 3e-3), ("range_rate_mps", 1.0)):
            plots[name] = np.resize(getattr(z, name), len(plots)) + rng.normal(0.0, noise, len(plots))
        if not sensor.has_elevation:
            plots["el_rad"] = math.nan
        plots["t_ns"], plots["sensor_id"] = np.clip(t_ns, -(2**62), 2**62), s
        for i in np.flatnonzero(rng.random(len(plots)) < 0.3):
            self._spoil(plots, int(i))
        plots["plot_id"] = self.n_plots + np.arange(1, len(plots) + 1)
        self.n_plots += len(plots)
        return plots

    def _spoil(self, plots, i):
        rng = self.rng
        for name in rng.choice(FLOAT_FIELDS, rng.integers(1, 4)):
            pool = GARBAGE if rng.random() < 0.3 else EDGES[name]
            low, high = BOUNDS[name]
            plots[name][i] = rng.choice(pool) if rng.random() < 0.6 else rng.uniform(low, high)
        if rng.random() < 0.2:
            plots["t_ns"][i] += rng.choice([-NS_PER_S, -1, 1, NS_PER_S, -(2**60), 2**60])
        if rng.random() < 0.05:
            plots["sensor_id"][i] = 9
        if rng.random() < 0.1:
            plots[i] = plots[0]


@pytest.mark.parametrize(("seed", "lag_s", "n_scans"), [(1, 0.0, 1500), (2, 0.0, 1500), (3, 0.0, 1500), (4, 2.0, 700)])
def test_a_siege_leaves_the_table_sane(seed, lag_s, n_scans):
    """5,200 scans in all, 30 % of their plots spoilt: what is finite and in bounds stays in for long."""
    siege, tracker = Siege(seed), Tracker(SENSORS, ENVIRONMENT)
    lagged, n_used, most = LaggedTracker(tracker, lag_s), 0, 0
    refused = set()
    for k in range(n_scans):
        scan = siege.scan()
        step = lagged.step(scan)
        check_step(step, len(scan.plots))
        if k % 25 == 0:
            check(tracker, step, scan, lagged.t_ns)
        n_used += int((step.fates["refusal"] == 0).sum())
        refused |= set(step.fates["refusal"].tolist())
        most = max(most, len(tracker.picture(lagged.t_ns)))
    assert refused == {int(why) for why in Refusal}
    assert n_used > 3 * n_scans  # the door is no wall
    assert most > 5


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
