"""`kernels.single` against its plain twin."""

import naive_single as naive
import numpy as np
import pytest
from flight_cases import environment, shots

from casemate.kernels import single

WORLDS = [("flat", "calm"), ("flat", "rough"), ("wgs84", "calm"), ("wgs84", "breeze"), ("wgs84", "rough")]


@pytest.mark.parametrize(("earth", "wind"), WORLDS)
def test_a_step(earth, wind):
    env = environment(earth, wind)
    for row in shots("shell", 20, 5):
        state, k = row[:6].copy(), np.exp(row[6])
        a, p, v = np.zeros((6, 3)), np.zeros(3), np.zeros(3)
        single.advance(state, k, 0.4, env, a, p, v)
        end, want, stages = naive.advance(row[:6], k, 0.4, env)
        assert np.allclose(state, end, rtol=1e-10, atol=1e-9)
        assert np.allclose(a, want, rtol=1e-10, atol=1e-9)
        assert np.allclose(np.append(p, v), stages[5], rtol=1e-10, atol=1e-9)
        for scale in (1.0, 0.05):
            step = single.next_step(state, a, 0.4, 300.0, scale)
            assert step == pytest.approx(naive.next_step(end, want, 0.4, 300.0, scale), rel=1e-9)


@pytest.mark.parametrize(("earth", "wind"), WORLDS)
@pytest.mark.parametrize("family", ["mortar", "shell"])
def test_a_path(earth, wind, family):
    """Row by row: the same steps, the same corners, the same ground."""
    env = environment(earth, wind)
    for row in shots(family, 4, 11):
        path = np.empty((2000, 7))
        n, status, over, highest, fastest = single.fly_path(row, env, None, 1.0, 400.0, path)
        rows, want, over_want, highest_want, mach = naive.fly_path(row, env, 1.0, 400.0)
        assert (n, status) == (len(rows), want)
        assert np.allclose(path[:n], rows, rtol=1e-10, atol=1e-8)  # 1e-10 of 100 m, where a coordinate passes 0
        assert (over, highest, fastest) == pytest.approx((over_want, highest_want, mach), rel=1e-10)


def test_statuses_of_a_path():
    env = environment("wgs84", "breeze")
    row, path = shots("shell", 1, 1)[0], np.empty((2000, 7))
    under, lost, never = row.copy(), row.copy(), row.copy()
    under[2], lost[3], never[5] = -5.0, np.nan, 3e3
    for state, limit in ((row, 400.0), (under, 400.0), (lost, 400.0), (never, 100.0)):
        n, status, *_ = single.fly_path(state, env, None, 1.0, limit, path)
        rows, want, *_ = naive.fly_path(state, env, 1.0, limit)
        assert (n, status) == (len(rows), want)
    assert single.fly_path(row, env, None, 1.0, 400.0, path[:5])[:2] == (5, naive.NOT_CONVERGED)
