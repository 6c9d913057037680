import numpy as np
import pytest
from scipy.stats import binom

from casemate.errors import DomainError
from casemate.kernels import burst as kernel
from casemate.sim.intercept.burst import draw_kills, p_burst_kill, p_kill_at


def test_twelve_nodes_a_panel_suffice():
    few, many = np.polynomial.legendre.leggauss(12), np.polynomial.legendre.leggauss(40)
    for u in (0.01, 1.0, 10.0):
        for v in (0.01, 1.0, 20.0):
            for n in (1, 300, 100_000):
                close = kernel.p_burst(u, v, n, 0.6, *few) - kernel.p_burst(u, v, n, 0.6, *many)
                assert abs(close) < 1e-9


def test_more_rounds_a_larger_disc_and_a_smaller_error_kill_more():
    base = p_burst_kill(0.1, 1.5, 1.5, 100, 0.6)
    assert p_burst_kill(0.1, 1.5, 1.5, 200, 0.6) > base
    assert p_burst_kill(0.2, 1.5, 1.5, 100, 0.6) > base
    assert p_burst_kill(0.1, 1.5, 3.0, 100, 0.6) < base
    assert p_burst_kill(0.1, 1.5, 1.5, 100, 0.3) < base
    assert p_burst_kill(0.1, 1.5, 1.5, 0) == 0.0


def test_the_shared_error_is_not_averaged_away():
    """Independent rounds would hit a disc of radius u with scatter sqrt(1 + v^2): an overstatement."""
    u, v, n = 0.2, 3.0, 300
    p_single = 1.0 - np.exp(-u * u / (2.0 * (1.0 + v * v)))
    assert p_burst_kill(u, 1.0, v, 1) == pytest.approx(p_single, abs=1e-9)
    assert p_burst_kill(u, 1.0, v, n) < 0.6 * (1.0 - (1.0 - p_single) ** n)


def test_drawn_and_analytic_agree_at_a_known_offset_and_with_kill_given_hit():
    rng = np.random.default_rng(7)
    for radius, offset, n, p_kill in ((0.3, 1.0, 60, 0.6), (2.2, 3.0, 24, 0.11), (0.08, 0.0, 120, 0.5)):
        p = p_kill_at(radius, 1.0, offset, n, p_kill)
        k = int(np.sum(draw_kills(rng, radius, 1.0, np.tile([0.0, offset], (2000, 1)), n, p_kill)))
        low, high = binom.interval(0.998, 2000, p)
        assert low <= k <= high


@pytest.mark.parametrize(
    "bad",
    [
        (0.1, 0.0, 1.0, 10, 0.5),
        (-0.1, 1.0, 1.0, 10, 0.5),
        (61.0, 1.0, 1.0, 10, 0.5),
        (0.1, 1.0, -1.0, 10, 0.5),
        (0.1, 1.0, 1.0, -1, 0.5),
        (0.1, 1.0, 1.0, 10, 1.5),
        (float("nan"), 1.0, 1.0, 10, 0.5),
    ],
)
def test_what_lies_outside_the_model_is_refused_by_name(bad):
    with pytest.raises(DomainError):
        p_burst_kill(*bad)
