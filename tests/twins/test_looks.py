"""The measurement kernels against plain matrices."""

import naive_looks as naive
import numpy as np
import pytest
from filter_cases import SEEDS, close, state, world

from casemate.kernels import looks


@pytest.mark.parametrize("seed", SEEDS)
def test_jacobians_match_differences(seed):
    """Projection differentiates as central differences do."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    x, _ = state(rng)
    steps = np.array([1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 1e-3])

    def differences(function):
        columns = [(function(x + d) - function(x - d)) / (2 * h) for h, d in zip(steps, np.diag(steps), strict=True)]
        return np.array(columns).T

    for is_level in (True, False):
        _, h = naive.project(x, is_level, sensor, env)
        assert np.allclose(h, differences(lambda y, m=is_level: naive.project(y, m, sensor, env)[0]), atol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("is_level", [True, False])
def test_projection(seed, is_level):
    """Measurement and rows."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    x, _ = state(rng)
    z, rows = np.empty(5), np.empty((5, 7))
    looks.project(x, is_level, sensor, env, z, rows)
    expected = naive.project(x, is_level, sensor, env)
    close(z, expected[0])
    close(rows, expected[1])


@pytest.mark.parametrize("seed", SEEDS)
def test_places(seed):
    """What is measured of a state is where the state is."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    x, _ = state(rng)
    z, _ = naive.project(x, False, sensor, env)
    close(np.array(looks.locate(z[0], z[1], z[2], sensor)), x[:3])
    close(naive.locate(z[:3], sensor), x[:3])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("is_height_held", [True, False])
def test_one_element_absorbed(seed, is_height_held):
    """A scalar update in Joseph form, with and without the gain of a held height."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    x, p = state(rng)
    _, rows = naive.project(x, is_height_held, sensor, env)
    for row, sigma in zip(rows, [15.0, 3e-3, 3e-3, 2.0, 30.0], strict=True):
        nu = sigma * rng.normal()
        y, q = x.copy(), p.copy()
        d2, ln_s = looks.absorb(y, q, row, nu, sigma**2, is_height_held, np.empty((4, 7, 7)))
        expected = naive.absorb(x, p, row, nu, sigma**2, is_height_held)
        close(y, expected[0])
        close(q, expected[1])
        assert d2 == pytest.approx(expected[2])
        assert ln_s == pytest.approx(expected[3])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("has_elevation", [True, False])
def test_plots_gathered(seed, has_elevation):
    """Sigmas filled in, silent elements dropped, positions and slack as plain arrays give them."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    sensor = sensor._replace(has_elevation=has_elevation)
    values = np.full((6, 10), np.nan)
    values[:, 0], values[:, 1] = rng.uniform(4e3, 9e3, 6), rng.uniform(0.0, 6.0, 6)
    values[:, 4] = 30.0
    values[::2, 3] = 2500.0
    values[:3, 5] = 40.0
    if has_elevation:
        values[1:, 2] = 0.3
    z, var, pos, slack = np.empty((6, 5)), np.empty((6, 5)), np.empty((6, 3)), np.empty(6)
    looks.gather_plots(values, sensor, env, z, var, pos, slack)
    expected = naive.gather_plots(values, sensor, env)
    for got, wanted in zip((z, var, pos, slack), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-10)


@pytest.mark.parametrize("seed", SEEDS)
def test_covariances_widened(seed):
    """By a constant offset of the sensor, in each of its elements and in all; other sensors' rows and drag stay."""
    rng = np.random.default_rng(seed)
    _, sensor = world(rng)
    rows = [state(rng) for _ in range(3)]
    states, covs = (np.array([row[k] for row in rows]) for k in range(2))
    states[2, 2] = np.nan
    low = states[2].copy()
    low[2] = sensor.position[2]
    for use in ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 1.0]):
        one = sensor._replace(bias_var=sensor.bias_var * use)
        wide = covs.copy()
        looks.widen_by_bias(states, wide, np.array([1, 0, 1]), 1, one)
        close(wide[0], naive.widen_by_bias(states[0], covs[0], one))
        assert np.array_equal(wide[1], covs[1])
        close(wide[2], naive.widen_by_bias(low, covs[2], one))
        assert np.array_equal(wide[:, 6], covs[:, 6])


@pytest.mark.parametrize("seed", SEEDS)
def test_an_offset_sensor_sees_the_path_where_the_widening_says(seed):
    """What the textbook twin differentiates: a point on its way, measured, offset, and put back."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    x, _ = state(rng)
    h = 1e-3
    for k, b in enumerate((0.1, 1e-5, 1e-5)):
        offset, ends = b * np.eye(3)[k], []
        for t in (-h, h):
            y = x.copy()
            y[:3] += t * x[3:6]
            z, _ = naive.project(y, False, sensor, env)
            ends.append((naive.locate(z[:3] + offset, sensor) - naive.locate(z[:3] - offset, sensor)) / (2.0 * b))
        side = np.concatenate(((ends[0] + ends[1]) / 2.0, (ends[1] - ends[0]) / (2.0 * h)))
        one = sensor._replace(bias_var=np.eye(3)[k])
        wanted, wide = np.outer(side, side), naive.widen_by_bias(x, np.zeros((7, 7)), one)
        assert np.allclose(wide[:6, :6], wanted, rtol=1e-4, atol=1e-6 * wanted.max())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("has_elevation", [True, False])
def test_sweeps_watched(seed, has_elevation):
    """What a sector has passed, what is out of coverage, what is overhead."""
    rng = np.random.default_rng(seed)
    env, sensor = world(rng)
    sensor = sensor._replace(has_elevation=has_elevation)
    states = np.zeros((40, 7))
    states[:, :3] = rng.uniform(-1.0, 1.0, (40, 3)) * [1e4, 1e4, 3e3] + [0.0, 0.0, 3e3]
    has_height = rng.random(40) < 0.5
    codes = np.empty(40, np.uint8)
    looks.watch_tracks(states, has_height, sensor, env, 5.0, 2.0, 3.0, codes)
    assert codes.tolist() == naive.watch_tracks(states, has_height, sensor, env, 5.0, 2.0, 3.0)
    assert len(set(codes.tolist())) > 3
