"""The clutter map: where plots lately were that are no rounds, and how much denser than the site file says."""

import math

import numpy as np
import pytest

from casemate.assess.classify.clutter_map import DELAY_S, MEMORY_S, RATE_MPS, ClutterMap
from casemate.constants import NS_PER_S
from casemate.model.catalog import RadarSite, SitePoint
from casemate.model.records import PLOT, missing
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import SensorModel

T0_NS = 1_790_000_000 * NS_PER_S


def sensor(sigma_el_deg: float | None = 0.34):
    radar = RadarSite(
        name="r", lat_deg=33.3, lon_deg=44.4, height_m=40.0, scan_period_s=1.0, sigma_range_m=15.0,
        sigma_azimuth_deg=0.17, sigma_elevation_deg=sigma_el_deg, sigma_range_rate_mps=2.0,
        false_plots_per_scan=20.0,
    )  # fmt: skip
    return SensorModel.of(radar, SiteFrame.of(SitePoint(name="s", lat_deg=33.3, lon_deg=44.4, height_m=34.0)))


def even_plots(rng, model, n):
    """False plots as the site file says: even over range and angles, or over the volume, with any range rate."""
    plots = missing(PLOT, n)
    plots["range_m"] = rng.uniform(*model.range_m, n)
    plots["az_rad"] = rng.uniform(0.0, 2.0 * math.pi, n)
    plots["el_rad"] = rng.uniform(*model.el_rad, n)
    plots["range_rate_mps"] = rng.uniform(-700.0, 700.0, n)
    return plots


def rain(rng, n, rate_mps=-10.0):
    """A cell of 1.5 km and 4 degrees at 17 km that drifts."""
    plots = missing(PLOT, n)
    plots["range_m"] = rng.uniform(16.3e3, 17.8e3, n)
    plots["az_rad"] = np.radians(rng.uniform(300.0, 304.0, n))
    plots["el_rad"] = np.radians(rng.uniform(1.0, 9.0, n))
    plots["range_rate_mps"] = rng.normal(rate_mps, 2.0, n)
    return plots


def learn(clutter, make, seconds, tracks=0, rounds=()):
    for k in range(seconds):
        plots, t_ns = make(), T0_NS + k * NS_PER_S
        clutter.take(t_ns, plots, np.full(len(plots), tracks))
        clutter.learn(t_ns, set(rounds))
    return T0_NS + seconds * NS_PER_S


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("sigma_el_deg", [0.34, None])
def test_what_is_as_declared_counts_in_full(seed, sigma_el_deg):
    """Hardly a cell of an even sky is told denser, with elevations or without."""
    rng = np.random.default_rng(seed)
    model = sensor(sigma_el_deg)

    def make():
        plots = even_plots(rng, model, rng.poisson(20))
        plots["el_rad"] *= 1.0 if sigma_el_deg else math.nan
        return plots

    clutter = ClutterMap(model)
    t_ns = learn(clutter, make, 150)
    told = clutter.ln_denser(t_ns, np.concatenate([make() for _ in range(50)]))
    assert (told > 0.1).mean() < (0.02 if sigma_el_deg else 0.05)


def test_a_radar_without_doppler_has_no_map():
    """Without range rates a salvo's own path would look like clutter."""
    rng = np.random.default_rng(5)

    def make():
        plots = rain(rng, 6)
        plots["range_rate_mps"] = math.nan
        return plots

    clutter = ClutterMap(sensor())
    t_ns = learn(clutter, make, 100)
    assert clutter.ln_denser(t_ns, make()).max() == 0.0


@pytest.mark.parametrize("seed", [1, 2])
def test_rain_is_learnt_and_a_round_through_it_is_not_held_back(seed):
    """Its density: six plots a scan spread over some 70 cells, where the site file expects one in a million."""
    rng = np.random.default_rng(seed)
    clutter = ClutterMap(sensor())
    t_ns = learn(clutter, lambda: rain(rng, 6), 150)
    assert np.median(clutter.ln_denser(t_ns, rain(rng, 200))) > math.log(1e3)
    assert clutter.ln_denser(t_ns, rain(rng, 200, rate_mps=-300.0)).max() == 0.0
    later_ns = t_ns + round(20 * MEMORY_S * NS_PER_S)
    assert clutter.ln_denser(later_ns, rain(rng, 200)).max() < 0.1  # the shower is over


def test_rounds_are_not_learnt_and_nothing_is_before_its_time():
    """A salvo's later rounds pass where the earlier ones did; what is younger than the delay is not counted."""
    rng = np.random.default_rng(3)
    clutter = ClutterMap(sensor())
    t_ns = learn(clutter, lambda: rain(rng, 6), 60, tracks=7, rounds=[7])
    assert clutter.ln_denser(t_ns, rain(rng, 50)).max() == 0.0
    clutter = ClutterMap(sensor())
    t_ns = learn(clutter, lambda: rain(rng, 6), round(DELAY_S))
    assert clutter.ln_denser(t_ns, rain(rng, 50)).max() == 0.0


@pytest.mark.parametrize("az_deg", [40.0, 0.0])
def test_an_edge_of_cells_hides_nothing(az_deg):
    """Plots that lie about the edge of one grid's cells lie inside the other's; about north too."""
    rng = np.random.default_rng(4)
    clutter = ClutterMap(sensor())

    def make():
        plots = missing(PLOT, 4)
        plots["range_m"], plots["az_rad"], plots["el_rad"] = 10_000.0, math.radians(az_deg), math.radians(4.0)
        plots["range_m"] += rng.normal(0.0, 5.0, 4)
        plots["az_rad"] = (plots["az_rad"] + rng.normal(0.0, 1e-3, 4)) % (2.0 * math.pi)
        plots["range_rate_mps"] = 2.0 * RATE_MPS + rng.normal(0.0, 1.0, 4)
        return plots

    t_ns = learn(clutter, make, 120)
    told = clutter.ln_denser(t_ns, make())
    assert np.ptp(told) == 0.0
    assert told[0] > 8.0
