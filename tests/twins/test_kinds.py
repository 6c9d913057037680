"""The kind kernels against plain matrices."""

import naive_kinds as naive
import numpy as np
import pytest

from casemate.assess.classify.kinds import BALL, FLYERS, WANDER
from casemate.kernels import kinds

SEEDS = range(6)
FLYER_ROWS = np.array([list(flyer) for flyer in FLYERS.values()], np.float64)


def flight(rng, n=12):
    """Return times [ns], measurements and sigmas of a thing that flies somehow, with gaps in what is measured."""
    speed, start = 10.0 ** rng.uniform(1.0, 2.7), rng.uniform(-8000.0, 8000.0, 3)
    start[2] = rng.uniform(50.0, 4000.0)
    way = rng.normal(size=3) * [1.0, 1.0, 0.3]
    vel, accel = speed * way / np.linalg.norm(way), rng.normal(size=3) * [2.0, 2.0, 6.0]
    t = np.cumsum(rng.uniform(0.5, 2.0, n))
    pos = start + t[:, None] * vel + 0.5 * t[:, None] ** 2 * accel
    sigma = np.tile([15.0, 3e-3, 5e-3, 1.0], (n, 1)) * rng.uniform(0.5, 1.5, (n, 4))
    reach = np.linalg.norm(pos, axis=1)
    rate = np.sum(pos * (vel + t[:, None] * accel), axis=1) / reach
    z = np.column_stack([reach, np.arctan2(pos[:, 0], pos[:, 1]), np.arcsin(pos[:, 2] / reach), rate])
    z += sigma * rng.normal(size=z.shape)
    z[rng.random(n) < 0.2, 2] = np.nan
    z[rng.random(n) < 0.3, 3] = np.nan
    return np.rint(t * 1e9).astype(np.int64), z, sigma


def sensor(rng):
    """Return a place and a leaning horizon."""
    rotation, _ = np.linalg.qr(np.eye(3) + 0.01 * rng.normal(size=(3, 3)))
    return rng.normal(size=3) * 100.0, rotation * np.sign(np.diag(rotation))


def fitted(rng):
    """Return the fit of one flight, in row 1 of three, and the twin's."""
    t_ns, z, sigma = flight(rng)
    position, rotation = sensor(rng)
    fits = kinds.Fits(np.zeros((3, 9)), np.zeros((3, 9, 9)), np.zeros(3, np.int64), np.zeros(3, np.int64))
    plain, dt_s = None, np.empty(1)
    for k in range(len(t_ns)):
        looks = kinds.Looks(t_ns[k : k + 1], z[k : k + 1], sigma[k : k + 1])
        kinds.follow_plots(fits, np.array([1]), looks, position, rotation, WANDER, dt_s)
        t_s = (t_ns[k] - t_ns[max(k - 1, 0)]) / 1e9
        assert dt_s[0] == t_s
        plain = naive.follow(plain, t_s, z[k], sigma[k], position, rotation, WANDER)
    return fits, plain


@pytest.mark.parametrize("seed", SEEDS)
def test_plots_followed(seed):
    """Mean and covariance after a dozen plots; other rows untouched."""
    fits, (mean, cov) = fitted(np.random.default_rng(seed))
    scale = np.sqrt(np.diag(cov))
    assert np.abs((fits.mean[1] - mean) / scale).max() < 1e-9  # in sigmas: 1e-10 of the 1e4 m that it began with
    assert np.abs((fits.cov[1] - cov) / np.outer(scale, scale)).max() < 1e-9
    assert fits.n_plots.tolist() == [0, 12, 0]
    assert not fits.mean[[0, 2]].any()


@pytest.mark.parametrize("seed", SEEDS)
def test_kinds_weighed(seed):
    """Every kind's ln density of the same fit."""
    fits, _ = fitted(np.random.default_rng(seed))
    ln = np.empty((1, 1 + len(FLYERS)))
    kinds.weigh_kinds(fits, np.array([1]), FLYER_ROWS, BALL, ln)
    mean, cov = fits.mean[1], fits.cov[1]
    plain = [naive.ln_round(mean, cov, BALL), *(naive.ln_level(mean, cov, row) for row in FLYER_ROWS)]
    assert ln[0] == pytest.approx(plain, rel=1e-10, abs=1e-10)
