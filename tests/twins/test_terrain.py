import naive_terrain as naive
import numpy as np
import pytest
import terrain_cases

from casemate.kernels import terrain as kernel

SITES = {"alps": (46.8, 8.2), "far north": (84.0, 8.2), "antimeridian": (-16.9, 179.998), "equator": (0.0, -179.999)}


@pytest.mark.parametrize("site", SITES)
def test_surface_at(site):
    lat, lon = SITES[site]
    terrain = terrain_cases.rough(1, lat_deg=lat, lon_deg=lon)
    n_inside = 0
    for point in np.random.default_rng(2).uniform(-1500.0, 1500.0, (60, 3)):
        ground, height, is_inside = kernel.surface_at(*point, terrain)
        true_ground, true_height, truly_inside = naive.surface_at(*point, terrain)
        # 1e-8 m of the height is the bound of kernels.earth; 1e-8 m of place is as much ground where it climbs as much
        assert abs(height - true_height) < 2e-8
        assert abs(ground - true_ground) < 1e-6
        assert is_inside == truly_inside
        n_inside += is_inside
    assert 10 < n_inside < 60


def length_m(segment):
    return np.linalg.norm(np.subtract(segment[2], segment[0]))


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize(("cell_m", "rough_m"), [(30.0, 200.0), (90.0, 20.0), (10.0, 500.0)])
def test_first_hit(site, cell_m, rough_m):
    """Dense sampling finds a hit up to one sample, 1 cm of path, after it; and misses what is shorter than a sample."""
    lat, lon = SITES[site]
    terrain = terrain_cases.rough(3, cell_m=cell_m, rough_m=rough_m, lat_deg=lat, lon_deg=lon)
    rng, n_hits = np.random.default_rng(4), 0
    for _ in range(25):
        segment = terrain_cases.segment(rng, terrain, 28.0 * cell_m)
        ours, theirs = kernel.first_hit(*segment, terrain), naive.first_hit(*segment, terrain)
        if naive.surface_at(*segment[0], terrain)[0] > naive.surface_at(*segment[0], terrain)[1]:
            continue  # it begins under the ground: the next test
        n_hits += theirs > 0.0
        if theirs > 0.0 or ours > 0.0:
            assert -1e-3 <= (theirs - ours) * length_m(segment) < 0.011
    assert n_hits >= 3


def test_a_path_that_begins_under_the_ground():
    terrain = terrain_cases.put(np.full((40, 47), 500.0))
    deep = (0.0, 0.0, -5.0)
    assert kernel.first_hit(deep, (100.0, 0.0, -10.0), (100.0, 0.0, -15.0), (100.0, 0.0, -10.0), 1.0, terrain) < 1e-6
    assert kernel.first_hit(deep, (100.0, 0.0, 1.0), (100.0, 0.0, -4.0), (100.0, 0.0, 1.0), 1.0, terrain) == -1.0
    # It comes out at 2.5 m of the parabola -5 + 60 t - 60 t2, t = 0.0924, and goes in at 0.9076.
    out_and_in = (deep, (100.0, 0.0, 60.0), (100.0, 0.0, -5.0), (100.0, 0.0, -60.0), 1.0)
    sag_m = 90.0**2 / (2.0 * 6.38e6)  # how far the ellipsoid has curved away there
    root = 0.5 + np.sqrt(0.25 - (5.0 - sag_m) / 60.0)
    assert kernel.first_hit(*out_and_in, terrain) == pytest.approx(root, abs=1e-5)


def test_nothing_finite_nothing_hit():
    terrain = terrain_cases.rough(5)
    good = [(0.0, 0.0, 900.0), (0.0, 0.0, -900.0), (0.0, 0.0, 0.0), (0.0, 0.0, -900.0), 1.0]
    assert kernel.first_hit(*good, terrain) > 0.0
    for i in range(5):
        for bad in (np.nan, np.inf):
            row = [*good[:i], bad if i == 4 else (bad, bad, bad), *good[i + 1 :]]
            with np.errstate(invalid="ignore"):  # without the compiler numpy warns
                assert kernel.first_hit(*row, terrain) == -1.0
