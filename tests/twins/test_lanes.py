"""`kernels.lanes` against its plain twin: each loop by itself, on random rows."""

import re

import naive_lanes as naive
import numpy as np
import pytest
from flight_cases import environment
from numba import config, njit

from casemate.kernels import lanes


def rows_of(seed):
    """Draw plausible values for every row of every lane."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(0.0, 30.0, (lanes.N_ROWS, lanes.W))  # accelerations
    for q in (lanes.E, lanes.PE):
        rows[q : q + 2], rows[q + 2] = rng.uniform(-2e4, 2e4, (2, lanes.W)), rng.uniform(-500.0, 2e4, lanes.W)
    for q in (lanes.VE, lanes.QE):
        rows[q : q + 3] = rng.normal(0.0, 300.0, (3, lanes.W))
    rows[lanes.STEP : lanes.STEP + 3] = rng.uniform(-0.5, 2.0, lanes.W)
    rows[lanes.K], rows[lanes.TIME] = rng.uniform(5e-5, 1e-3, lanes.W), rng.uniform(0.0, 100.0, lanes.W)
    rows[lanes.HEIGHT], rows[lanes.SPEED] = rng.uniform(0.0, 2e4, lanes.W), rng.uniform(1.0, 900.0, lanes.W)
    rows[lanes.ABOVE], rows[lanes.BELOW] = rows[lanes.HEIGHT] + 300.0, rows[lanes.HEIGHT] - 300.0
    rows[lanes.CELL] = rng.uniform(0.0, 500.0, lanes.W)
    rows[lanes.RHO], rows[lanes.SOUND] = rng.uniform(0.1, 1.3, lanes.W), 1.0 / rng.uniform(290.0, 350.0, lanes.W)
    rows[lanes.SHAPE] = rng.uniform(0.8, 2.5, lanes.W)
    return rows


def check(rows, S, new):
    """Every row that the twin names has its value, to 1e-10 of the row's largest; every other is as it was."""
    got = S.reshape(rows.shape)
    for q in range(lanes.N_ROWS):
        want = new.get(q, rows[q])
        assert np.allclose(got[q], want, rtol=0.0, atol=1e-10 * max(np.abs(want).max(), 1e-300)), q


SEEDS = pytest.mark.parametrize("seed", range(4))
EARTHS = pytest.mark.parametrize("earth", ["flat", "wgs84"])


@SEEDS
@pytest.mark.parametrize("stage", range(6))
def test_arrange(seed, stage):
    rows = rows_of(seed)
    S = rows.ravel().copy()
    lanes.arrange(S, stage)
    check(rows, S, naive.arrange(rows, stage))


@SEEDS
@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_finish(seed, scale):
    rows = rows_of(seed)
    S = rows.ravel().copy()
    lanes.finish(S, scale)
    check(rows, S, naive.finish(rows, scale))


@SEEDS
@EARTHS
def test_weigh(seed, earth):
    rows, env = rows_of(seed), environment(earth, "rough")
    S = rows.ravel().copy()
    up0, per_m, top = env.site_height_m - env.air_z0_m, 1.0 / env.air_dz_m, env.air.size / 5 - 1.0
    if env.is_flat:
        lanes.weigh_flat(S, env.gravity_mps2, up0, per_m, top)
    else:
        lanes.weigh_round(S, env.earth, up0, per_m, top)
    check(rows, S, naive.weigh(rows, env))


@SEEDS
@EARTHS
def test_air_and_drag(seed, earth):
    """Look-ups at random cells, the last one and beyond; the rest at the values that they leave."""
    rows, env = rows_of(seed), environment(earth, "rough")
    rows[lanes.CELL, 0], rows[lanes.CELL, 1] = 0.0, env.drag.size / 4 - 1.0
    for run, twin in (
        (lambda S: lanes.breathe(S, env.air), lambda rows: naive.breathe(rows, env)),
        (lambda S: lanes.feel_wind(S, env.wind), lambda rows: naive.feel_wind(rows, env)),
        (lambda S: lanes.lean(S, env.earth), lambda rows: naive.lean(rows, env)),
        (lambda S: lanes.shape(S, env.drag), lambda rows: naive.shape(rows, env)),
        (lambda S: lanes.pace(S, env.drag.size / 4 - 1.0), lambda rows: naive.pace(rows, env)),
        (lambda S: lanes.brake(S), naive.brake),  # noqa: PLW0108 - written like the others
    ):
        S = rows.ravel().copy()
        run(S)
        check(rows, S, twin(rows))


@SEEDS
@pytest.mark.parametrize("radius_m", [6.37e6, np.inf])
def test_look_ahead(seed, radius_m):
    rows = rows_of(seed)
    S = rows.ravel().copy()
    n = lanes.look_ahead(S, 1.0 / radius_m, 80.0, 19e3, 480.0)
    new = naive.look_ahead(rows, radius_m, 80.0, 19e3, 480.0)
    check(rows, S, new)
    assert n == new[lanes.FLAG].sum()
    assert 0 < n < lanes.W


def test_a_lane_that_is_not_a_number_reads_cell_0_and_is_flagged():
    rows, env = rows_of(0), environment("wgs84", "rough")
    rows[lanes.PE : lanes.PE + 6, 3] = rows[lanes.HEIGHT, 3] = np.nan
    S = rows.ravel().copy()
    lanes.weigh_round(S, env.earth, 0.0, 1.0, 100.0)
    assert S.reshape(rows.shape)[lanes.CELL, 3] == 0.0
    lanes.pace(S, 100.0)
    assert S.reshape(rows.shape)[lanes.CELL, 3] == 0.0
    lanes.look_ahead(S, 0.0, 1e9, 1e9, 1e9)
    assert S.reshape(rows.shape)[lanes.FLAG, 3] == 1.0


@pytest.mark.skipif(config.DISABLE_JIT, reason="the compiler is off: there is no machine code to look at")
@pytest.mark.parametrize("name", ["pace", "finish"])
def test_the_roots_are_vectorised(name):
    """A loop that the compiler leaves scalar costs half the speed, and no result tells: its roots do.

    Compiled afresh, for a kernel from the cache keeps no listing. How wide a vector is depends on the machine.
    """
    fresh = njit(error_model="numpy", fastmath={"contract"})(getattr(lanes, name).py_func)
    fresh(rows_of(0).ravel(), 500.0)
    (listing,) = fresh.inspect_llvm().values()
    widths = set(re.findall(r"@llvm\.sqrt\.(\w+)\(", listing))
    assert any(re.fullmatch(r"v\d+f64", width) for width in widths), widths
    assert "f64" not in widths
