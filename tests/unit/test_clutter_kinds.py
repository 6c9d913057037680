"""Each kind of clutter against its declaration: bounds exactly, shares and counts inside 99 % intervals."""

import itertools
import tomllib
from importlib import resources

import msgspec
import numpy as np
import pytest
from scipy.stats import binom, chi2, kstest, poisson

from casemate.model.catalog import RadarSite
from casemate.physics.geodesy import SiteFrame
from casemate.sim.clutter.chance import draw_keys, uniform
from casemate.sim.clutter.declared import Flock, Ground, Rain, Traffic, Turbines
from casemate.sim.clutter.flocks import Flocks
from casemate.sim.clutter.flow import Skies, hourly
from casemate.sim.clutter.look import HIDDEN_DBSM
from casemate.sim.clutter.rain import Showers, rain_rcs_dbsm
from casemate.sim.clutter.sky import Clutter
from casemate.sim.clutter.still import Clumps, Farms
from casemate.sim.scenario import Scenario
from casemate.sim.sensor import Radar, RadarTruth

_FILES = resources.files("casemate") / "data" / "scenarios"
TOWN = msgspec.convert(tomllib.loads((_FILES / "busy-town-hour.toml").read_text("utf-8")), Scenario)
FLOCK, FARM, RAIN, (BUILDINGS, ROADS) = TOWN.flock[0], TOWN.turbines[0], TOWN.rain[0], TOWN.ground
SEEDS = (1, 2, 3)
KINDS = {traffic.kind: traffic for traffic in TOWN.traffic}


def is_usual(k: int, n: int, p: float) -> bool:
    """Tell whether k of n lies in the 99 % interval of a binomial law."""
    return bool(binom.ppf(0.005, n, p) <= k <= binom.ppf(0.995, n, p))


def rng(seed):
    return np.random.default_rng(seed)


def where(part, t0_s):
    bodies = part.bodies(t0_s)
    return bodies, *bodies.at(np.full(len(bodies.truth_id), t0_s))


def test_chance_is_even_and_the_same_whenever_asked():
    keys = draw_keys(rng(1), 20_000)
    first, other, later = uniform(keys, 5.0), uniform(keys, 5.0, 1), uniform(keys, 6.0)
    assert np.array_equal(first, uniform(keys, 5.0))
    assert np.array_equal(first[7:8], uniform(keys[7:8], 5.0))
    for drawn in (first, other, later):
        assert kstest(drawn, "uniform").pvalue > 0.01
    for one, two in ((first, other), (first, later)):
        assert abs(np.corrcoef(one, two)[0, 1]) < 2.58 / np.sqrt(len(keys))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_traffic_keeps_its_speed_and_height(kind):
    """Bounds of every kind over an hour; some looks at helicopters catch a flash of 20 dBsm over 200 m/s."""
    traffic: Traffic = msgspec.structs.replace(KINDS[kind], per_hour=60.0)
    sky = Skies(hourly((traffic,), rng(4)), itertools.count(1), rng(5))
    flashes, n = 0, 0
    for t in np.arange(0.0, 3600.0, 20.0).tolist():
        sky.prepare(t, t + 20.0)
        bodies, pos, vel = where(sky, t)
        up = (bodies.start_s <= t) & (t < bodies.end_s)
        speed, slack = np.hypot(vel[up, 0], vel[up, 1]), 1e-6
        assert np.all(speed <= traffic.speed_mps[1] + slack)
        if not traffic.hover_share:
            assert np.all(speed >= traffic.speed_mps[0] - slack)
        assert np.all((pos[up, 2] >= traffic.height_m[0] - slack) & (pos[up, 2] <= traffic.height_m[1] + slack))
        is_flash = bodies.rate_spread_mps[up] == 200.0
        assert np.all(bodies.rcs_dbsm[up][is_flash] == 20.0)
        quiet = bodies.rcs_dbsm[up][~is_flash]
        assert np.all((quiet >= traffic.rcs_dbsm[0]) & (quiet <= traffic.rcs_dbsm[1]))
        flashes, n = flashes + int(is_flash.sum()), n + int(up.sum())
    assert is_usual(flashes, n, 0.15 if kind == "helicopter" else 0.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_flocks_are_so_many_always_and_merge_and_split(seed):
    flock: Flock = msgspec.structs.replace(FLOCK, at_once=60)
    sky, merged, looks = Flocks((flock,), itertools.count(1), rng(seed)), 0, 0
    for t in np.arange(0.0, 7200.0, 600.0).tolist():
        sky.prepare(t, t + 600.0)
        assert len(sky.told(t + 1.0).truth_id) == 60
        bodies, pos, vel = where(sky, t + 1.0)
        assert np.all((pos[:, 2] >= flock.height_m[0]) & (pos[:, 2] <= flock.height_m[1]))
        up = (bodies.start_s <= t + 1.0) & (t + 1.0 < bodies.end_s)
        speed = np.hypot(vel[up, 0], vel[up, 1])
        assert np.all((speed >= flock.speed_mps[0] - 1e-6) & (speed <= flock.speed_mps[1] + 1e-6))
        later, _ = bodies.at(np.full(len(pos), t + 1.0 + 1e-3))
        np.testing.assert_allclose((later - pos)[up] / 1e-3, vel[up], atol=0.02)
        shown = bodies.rcs_dbsm > HIDDEN_DBSM
        for one in np.unique(bodies.truth_id[up]):
            own = shown & (bodies.truth_id == one)
            whole_dbsm = 10.0 * np.log10(np.sum(10.0 ** (0.1 * bodies.rcs_dbsm[own])))
            assert flock.rcs_dbsm[0] - 1e-9 <= whole_dbsm <= flock.rcs_dbsm[1] + 1e-9  # none of it comes or goes
            merged, looks = merged + int(own.sum() == 1), looks + 1
    share = 2.0 / np.pi * np.arcsin(np.sqrt(0.15))  # of a sin^2 below 0.15
    # Looks at one flock 600 s apart are a turn and more of its splitting apart, hence nearly independent.
    assert is_usual(merged, looks, share)


@pytest.mark.parametrize("seed", SEEDS)
def test_turbines_stand_and_flash(seed):
    farm: Turbines = msgspec.structs.replace(FARM, count=30)
    part = Farms((farm,), itertools.count(1), rng(seed))
    flashes, n, heights = 0, 0, []
    assert len({name for _, name in part.names}) == 30
    for t in range(200):
        bodies, pos, vel = where(part, float(t))
        is_flash = bodies.rate_spread_mps > 0.0
        tips = bodies.rate_spread_mps[is_flash]
        assert np.all((tips >= 60.0) & (tips <= 90.0))
        assert np.all((bodies.rcs_dbsm[is_flash] >= 10.0) & (bodies.rcs_dbsm[is_flash] <= 25.0))
        assert np.all((bodies.rcs_dbsm[~is_flash] >= 20.0) & (bodies.rcs_dbsm[~is_flash] <= 40.0))
        assert np.all(bodies.rcs_law[~is_flash] == 0)
        assert np.all(vel == 0.0)
        assert np.array_equal(pos[~is_flash], part.told(float(t)).pos_m[~is_flash])
        heights += ((pos - part.told(0.0).pos_m)[is_flash, 2] / farm.blade_m).tolist()
        assert np.all((pos[:, 2] >= 50.0) & (pos[:, 2] <= 250.0))
        flashes, n = flashes + int(is_flash.sum()), n + len(pos)
    assert is_usual(flashes, n, farm.flash_share)
    assert kstest(heights, "uniform", args=(-1.0, 2.0)).pvalue > 0.01
    apart = np.linalg.norm(pos[:, None, :2] - pos[None, :, :2], axis=2)[~np.eye(30, dtype=bool)]
    assert apart.min() >= farm.spacing_m - 1e-6


def test_the_echo_of_rain_is_that_of_the_book():
    """40 dBZ at 10 cm: 2.85e-8 m2 in a m3; a cell of 1.5 degrees and 30 m at 10 km holds 1.61e6 m3."""
    rcs = rain_rcs_dbsm(40.0, np.array([10_000.0, 20_000.0]), 0.10)
    assert rcs[0] == pytest.approx(10.0 * np.log10(2.846e-8 * 1.615e6), abs=0.01)
    assert rcs[1] - rcs[0] == pytest.approx(6.02, abs=0.01)
    assert rain_rcs_dbsm(40.0, np.array([1e4]), 0.03)[0] - rcs[0] == pytest.approx(20.9, abs=0.05)  # X far above S


@pytest.mark.parametrize("seed", SEEDS)
def test_rain_drifts_grows_and_fades_and_is_so_much_always(seed):
    rain: Rain = msgspec.structs.replace(RAIN, at_once=30)
    sky, counts = Showers((rain,), itertools.count(1), rng(seed)), []
    for t in np.arange(0.0, 7200.0, 400.0).tolist():
        sky.prepare(t, t + 400.0)
        told = sky.told(t)
        assert len(told.truth_id) == 30
        speed = np.hypot(told.vel_mps[:, 0], told.vel_mps[:, 1])
        assert np.all((speed >= rain.speed_mps[0]) & (speed <= rain.speed_mps[1]))
        bodies, pos, _ = where(sky, t)
        assert np.all((pos[:, 2] >= 0.0) & (pos[:, 2] <= rain.top_m[1]))
        for one, middle in zip(told.truth_id, told.pos_m, strict=True):
            own = bodies.truth_id == one
            away = np.hypot(*(pos[own, :2] - middle[:2]).T)
            assert np.all(away <= rain.radius_m[1])
            counts.append(int(np.sum(bodies.rcs_dbsm[own] > HIDDEN_DBSM)))
    # A cell is met anywhere in its life: of n patches n sin(pi u) show, rounded up; u even in (0, 1).
    grown = np.ceil(rain.patches * np.sin(np.pi * (np.arange(10_000) + 0.5) / 10_000))
    sigma = grown.std() / np.sqrt(len(counts) / 4.0)  # looks 400 s apart share a life of 1,200 s and more: a 4th counts
    assert abs(np.mean(counts) - grown.mean()) < 2.58 * sigma


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ground", [BUILDINGS, ROADS])
def test_ground_is_clumped_and_shows_its_share(seed, ground):
    many: Ground = msgspec.structs.replace(ground, clumps=200)
    part, shown, n = Clumps((many,), itertools.count(1), rng(seed)), 0, 0
    n_all = len(part._keys)
    assert poisson.ppf(0.005, 200 * many.reflectors) <= n_all <= poisson.ppf(0.995, 200 * many.reflectors)
    for t in range(20):
        bodies, pos, vel = where(part, 13.0 * t)
        shown, n = shown + len(pos), n + n_all
        assert np.all((bodies.rcs_dbsm >= many.rcs_dbsm[0]) & (bodies.rcs_dbsm <= many.rcs_dbsm[1]))
        assert np.all(np.hypot(vel[:, 0], vel[:, 1]) <= many.speed_mps[1] + 1e-9)
        if many.apparent_deg is None:
            assert np.all((pos[:, 2] >= many.height_m[0]) & (pos[:, 2] <= many.height_m[1]))
        else:
            seen_deg = np.degrees(np.arctan2(pos[:, 2], np.hypot(pos[:, 0], pos[:, 1])))
            assert np.all((seen_deg >= many.apparent_deg[0] - 1e-9) & (seen_deg <= many.apparent_deg[1] + 1e-9))
        middle = part.told(0.0).pos_m[bodies.truth_id - 1]
        away = np.hypot(*(pos - middle)[:, :2].T)
        limit = many.clump_m if many.speed_mps[1] else 5.0 * many.clump_m
        assert away.max() <= limit
    assert is_usual(shown, n, many.share)
    assert np.all(part.told(0.0).pos_m[:, 2] <= many.height_m[1])
    # Neyman-Scott: within the size of a clump every plot has far more neighbours than even plots would have.
    near = np.linalg.norm(pos[:, None, :2] - pos[None, :, :2], axis=2) < 2.0 * many.clump_m
    even = (len(pos) - 1) * (2.0 * many.clump_m / many.range_m[1]) ** 2
    assert near.sum(1).mean() - 1.0 > even + 0.3 * many.reflectors * many.share


@pytest.mark.parametrize(("kind", "sigma_db"), [("bird", 5.0), ("drone", 5.0)])
def test_plots_of_a_kind_fluctuate_as_it_does(kind, sigma_db):
    """Near the radar nothing is missed: what its SNR does from turn to turn is the law and 0.2 dB of noise."""
    traffic = msgspec.structs.replace(KINDS[kind], per_hour=3600.0, rcs_dbsm=(10.0, 10.0), life_s=(60.0, 60.0))
    site = RadarSite(
        name="radar", lat_deg=33.3, lon_deg=44.39, height_m=0.0, scan_period_s=1.0, range_m=(1.0, 2.5e4),
        elevation_deg=(-90.0, 90.0), sigma_range_m=1.0, sigma_azimuth_deg=0.01, p_detection=1.0,
        false_plots_per_scan=0.0,
    )  # fmt: skip
    radar = Radar(0, site, RadarTruth(name="radar"), SiteFrame(33.3, 44.39, 0.0), rng(9))
    sky, plots = Skies(hourly((traffic,), rng(7)), itertools.count(1), rng(8)), []
    for t in range(120):
        sky.prepare(t - 1.0, t + 1.0)
        bodies = sky.bodies(float(t))
        turn = radar.turn(t, bodies)
        range_db = 40.0 * np.log10(turn.plots["range_m"])
        plots += (turn.plots["snr_db"] + range_db).tolist()
    n = len(plots)
    assert n > 2000
    low, high = np.sqrt(chi2.ppf((0.005, 0.995), n - 1) / (n - 1))
    assert low * sigma_db < np.std(plots, ddof=1) < high * np.hypot(sigma_db, 0.2)
    assert kstest((plots - np.mean(plots)) / np.std(plots), "norm").pvalue > 0.01


def test_what_is_kept_in_mind_does_not_grow():
    sky, sizes = Clutter(TOWN, 1, rng(1), rng(2)), []
    for t in np.arange(0.0, 8.0 * 3600.0, 20.0).tolist():
        sky.prepare(t, t + 20.0)
        sizes.append(len(sky.names))
    half = len(sizes) // 2
    assert max(sizes[half:]) <= 1.2 * max(sizes[:half])
    assert set(np.unique(np.concatenate([b.truth_id for b in sky.bodies(t)]))) <= set(sky.names)


def test_looking_twice_or_in_between_changes_nothing():
    """A second radar, or a look at the truth, asks at its own times: the first one's sky stays what it was."""
    one, two = (Clutter(TOWN, 1, rng(1), rng(2)) for _ in range(2))
    for t in range(60):
        one.prepare(t - 1.0, t + 1.0)
        two.prepare(t - 1.0, t + 1.0)
        two.bodies(t + 0.3)
        two.told(t + 0.4)
        for mine, other in zip(one.bodies(float(t)), two.bodies(float(t)), strict=True):
            for a, b in zip(mine[:-1], other[:-1], strict=True):
                assert np.array_equal(a, b)
            when = np.full(len(mine.truth_id), float(t))
            assert np.array_equal(mine.at(when)[0], other.at(when)[0])
