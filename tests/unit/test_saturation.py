import pytest

from casemate.study.saturation import erlang_b, simulate_loss, simulate_window, window_bound


@pytest.mark.parametrize(("n_guns", "share"), [(1, 0.7500), (2, 0.5294), (4, 0.2061), (6, 0.0522)])
def test_erlangs_formula(n_guns, share):
    assert erlang_b(3.0, n_guns) == pytest.approx(share, abs=5e-5)


@pytest.mark.parametrize("n_guns", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_threats_at_random_are_lost_as_erlang_has_it(n_guns):
    """A few hundred here; 10,000 a case in tests/bench/bench_saturation.py."""
    found = simulate_loss(3.0, n_guns, 400, seed=3)
    assert abs(found.p_lost - erlang_b(3.0, n_guns)) <= 1.5 * found.half_width
    assert found.half_width < 0.08


LARGE = ((20, 1, 3.5), (20, 2, 4.0), (20, 4, 0.9), (20, 3, 2.999), (20, 4, 1.0), (20, 6, 3.0))
"""Half a minute each without the compiler."""


@pytest.mark.parametrize(
    ("n_threats", "n_guns", "n_services"),
    [(5, 2, 4.0), (3, 4, 1.0), *(pytest.param(*each, marks=pytest.mark.slow) for each in LARGE)],
)
def test_of_a_raid_in_a_window_as_many_are_engaged_as_fit(n_threats, n_guns, n_services):
    assert simulate_window(n_threats, n_guns, n_services) == window_bound(n_threats, n_guns, n_services)
