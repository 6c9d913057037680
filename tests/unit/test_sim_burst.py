import numpy as np
import pytest
from scipy.stats import binom

from casemate.errors import DomainError
from casemate.kernels import burst as kernel
from casemate.sim.intercept.burst import (
    draw_kills,
    p_burst_kill,
    p_burst_kill_oval,
    p_burst_quick,
    p_kill_at,
)


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


def test_oval_errors_give_what_round_ones_do_where_they_are_round():
    for shared in (0.0, 1e-9, 4.0):
        oval = p_burst_kill_oval(0.1, 2.25 * np.eye(2), shared * np.eye(2), 100, 0.6)
        assert oval == pytest.approx(p_burst_kill(0.1, 1.5, shared**0.5, 100, 0.6), abs=1e-6)


@pytest.mark.parametrize(("radius_m", "tolerance"), [(0.08, 1e-3), (1.2, 0.02)])
def test_oval_errors_are_those_of_rounds_drawn_in_their_own_directions(radius_m, tolerance):
    """4,000 bursts of 60 rounds; a disc as large as the scatter costs up to 0.02, a small one nothing."""
    rng, n = np.random.default_rng(5), 60
    scatter, shared = np.array([[2.0, 0.6], [0.6, 0.8]]), np.array([[1.0, -0.7], [-0.7, 6.0]])
    p = p_burst_kill_oval(radius_m, scatter, shared, n, 0.5)
    middle = rng.standard_normal((4000, 1, 2)) @ np.linalg.cholesky(shared).T
    at = middle + rng.standard_normal((4000, n, 2)) @ np.linalg.cholesky(scatter).T
    is_kill = (np.hypot(at[..., 0], at[..., 1]) <= radius_m) & (rng.random((4000, n)) < 0.5)
    low, high = binom.interval(0.998, 4000, p)
    assert low - 4000 * tolerance <= np.sum(np.any(is_kill, axis=1)) <= high + 4000 * tolerance


def test_an_error_along_one_line_is_widened_a_little_and_no_scatter_is_refused():
    p = p_burst_kill_oval(0.1, np.eye(2), np.diag([9.0, 0.0]), 100, 0.6)
    assert p == pytest.approx(p_burst_kill_oval(0.1, np.eye(2), np.diag([9.0, 9e-3]), 100, 0.6), abs=1e-3)
    with pytest.raises(DomainError, match="scatter_m2"):
        p_burst_kill_oval(0.1, np.diag([1.0, 0.0]), np.eye(2), 100, 0.6)


SMALL, CLOUD = (0.01, 0.1, 0.3, 0.5), (1.0, 2.2, 4.0)


@pytest.mark.parametrize(("discs", "bursts", "tolerance"), [
    (SMALL, ((24, 0.1), (120, 0.6), (300, 0.9)), 0.01),
    (CLOUD, ((24, 0.05), (36, 0.15)), 0.07),
])  # fmt: skip
def test_the_quick_answer_is_within_some_hundredths_of_the_exact_one(discs, bursts, tolerance):
    worst = 0.0
    for u in discs:
        for v in (0.0, 0.03, 0.3, 1.0, 3.0, 10.0):
            for n, p_kill in bursts:
                quick = p_burst_quick(np.array([u]), np.ones(1), np.array([v]), n, np.array([p_kill]))[0]
                worst = max(worst, abs(quick - p_burst_kill(u, 1.0, v, n, p_kill)))
    print(f"worst {worst:.4f}")
    assert worst < tolerance
