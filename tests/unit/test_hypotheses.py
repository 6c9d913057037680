"""What hypotheses cost, in numbers that a site file fixes, and what one step makes of a bank."""

import math

import numpy as np
import pytest

from casemate.constants import NS_PER_S
from casemate.kernels.leaves import WINDOW
from casemate.model.catalog import EnvironmentSettings, RadarSite
from casemate.physics.drag import drag_shape_of
from casemate.physics.environment import build_environment
from casemate.physics.geodesy import SiteFrame
from casemate.physics.radar import SensorModel
from casemate.tracking.bank import Bank
from casemate.tracking.filter import FLOAT_FIELDS
from casemate.tracking.hypotheses import NO_SALVOS, Hypotheses, Settings, Sweep

FRAME = SiteFrame(33.0, 44.0, 0.0)
FACTS = {"name": "r", "lat_deg": 33.0, "lon_deg": 44.0, "height_m": 0.0, "sigma_range_m": 15.0}
T0_NS = 1_000 * NS_PER_S


def hypotheses(settings=None, **changes):
    """Hypotheses of a site with one 3D radar."""
    facts = FACTS | {"sigma_azimuth_deg": 0.17, "sigma_elevation_deg": 0.17, "scan_period_s": 1.0} | changes
    sensor = SensorModel.of(RadarSite(**facts), FRAME)
    environment = build_environment(EnvironmentSettings(), FRAME, drag_shape_of("generic"), None, None)
    return Hypotheses([sensor], environment, settings or Settings())


def test_births_are_as_likely_as_the_site_says():
    """Twice the rounds, half the time between scans or twice the false plots: ln 2 each."""
    rule = hypotheses(false_plots_per_scan=10.0).rule_of(0, 5, 0.3)
    assert rule.ln_birth_round == pytest.approx(math.log(20.0 * 0.3 / 10.0))
    assert rule.ln_birth_other == pytest.approx(math.log(0.05 / 10.0))
    assert rule.ln_miss == pytest.approx(math.log(1.0 - 0.9), abs=0.3)
    assert (rule.t_first_ns, rule.period_ns) == (5, NS_PER_S)
    more = hypotheses(Settings(others_per_s=0.1), false_plots_per_scan=10.0).rule_of(0, 5, 0.6)
    assert more.ln_birth_round - rule.ln_birth_round == pytest.approx(math.log(2.0))
    assert more.ln_birth_other - rule.ln_birth_other == pytest.approx(math.log(2.0))
    often = hypotheses(false_plots_per_scan=10.0, scan_period_s=0.5).rule_of(0, 5, 0.3)
    assert rule.ln_birth_round - often.ln_birth_round == pytest.approx(math.log(2.0))
    dense = hypotheses(false_plots_per_scan=20.0).rule_of(0, 5, 0.3)
    assert rule.ln_birth_round - dense.ln_birth_round == pytest.approx(math.log(2.0))


def test_a_speed_in_the_band_is_as_likely_as_any_other():
    """The flat prior of the velocity integrates to one over the same space as the Gaussian that it replaces."""
    site = hypotheses()
    sigma = site.noise.sigma_speed
    rng = np.random.default_rng(1)
    speed = np.linalg.norm(rng.normal(0.0, sigma, (400_000, 3)), axis=1)
    inside = (speed > 60.0) & (speed < 900.0)
    ratio = np.exp(site.rule_of(0, 0, 0.3).ln_speed + speed[inside] ** 2 / (2.0 * sigma**2))
    assert ratio.sum() / len(speed) == pytest.approx(1.0, abs=0.1)  # the mean of flat over Gaussian, under the Gaussian


def test_plots_become_spots():
    site = hypotheses()
    values = np.full((2, len(FLOAT_FIELDS)), np.nan)
    values[:, :3] = [[5000.0, 0.0, 0.0], [6000.0, math.pi / 2.0, 0.1]]
    spots = site.spots_of(0, np.array([7, 8]), values)
    assert spots["t_ns"].tolist() == [7, 8]
    assert np.allclose(spots["pos"][0], [0.0, 5000.0, 0.0], atol=1.0)
    assert np.allclose(spots["pos"][1], [6000.0 * math.cos(0.1), 0.0, 6000.0 * math.sin(0.1)], atol=1.0)
    assert not spots["is_settled"].any()
    assert (spots["label"] == 0).all()


@pytest.mark.parametrize(("period_s", "n_scans"), [(1.0, 5), (0.25, 12), (5.0, 5)])
def test_histories_are_settled_behind_the_window(period_s, n_scans):
    """So many scans can be undone: the plots that a leaf still names are those of the window, and no spot is lost."""
    site, bank = hypotheses(scan_period_s=period_s), Bank.empty(1)
    for k in range(25):
        t_ns = T0_NS + round(k * period_s * NS_PER_S)
        values = np.full((1, len(FLOAT_FIELDS)), np.nan)
        at = np.array([2000.0 + 40.0 * k * period_s, 6000.0, 900.0])
        values[0, :3] = np.linalg.norm(at), math.atan2(at[0], at[1]), math.asin(at[2] / np.linalg.norm(at))
        spots = site.spots_of(0, np.array([t_ns]), values)
        sweep = Sweep(0, t_ns, t_ns, (0.0, 2.0 * math.pi), spots, (np.arange(1),))
        chosen = site.step(bank, sweep, site.rule_of(0, T0_NS, 0.3), NO_SALVOS)
        assert len(chosen.slots) == (k > 0)
        assert len(bank.order) < 40
    leaf = bank.leaves[chosen.slots[0]]
    assert leaf["n_hit"] == 25
    assert leaf["n_plots"] == n_scans + 1 <= WINDOW
    assert leaf["has_past"]
    assert bank.base <= leaf["plots"][0] < bank.base + len(bank.spots)
    assert leaf["status"] == 1
    assert bank.spots["is_settled"][-1]
    # for ten seconds a round that came in says that more do; what flies level says nothing
    assert site.rate(bank, leaf["t_birth_ns"] + 9 * NS_PER_S) == 0.3
    bank.leaves["models"][chosen.slots], bank.leaves["ln_round"][chosen.slots] = 1, leaf["ln_other"] + 9.0
    assert site.rate(bank, leaf["t_birth_ns"] + 9 * NS_PER_S) == pytest.approx(0.4)
    assert site.rate(bank, leaf["t_birth_ns"] + 11 * NS_PER_S) == 0.3
