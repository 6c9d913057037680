import naive_burst
import numpy as np
import pytest

from casemate.kernels import burst

NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_p_inside_is_the_noncentral_chi_square_cdf(seed):
    rng = np.random.default_rng(seed)
    for _ in range(40):
        u, b = np.exp(rng.uniform(np.log(0.01), np.log(40.0), 2))
        assert burst.p_inside(u, b) == pytest.approx(naive_burst.p_inside(u, b), abs=1e-10)
    assert burst.p_inside(u, 0.0) == pytest.approx(naive_burst.p_inside(u, 0.0), abs=1e-10)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_p_any_is_the_complement_of_all_missing(seed):
    rng = np.random.default_rng(seed)
    for p, n in zip(rng.random(20), rng.integers(0, 300, 20), strict=True):
        assert burst.p_any(p, int(n)) == pytest.approx(naive_burst.p_any(p, int(n)), abs=1e-10)
    assert burst.p_any(1.0, 3) == 1.0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_p_burst_is_the_adaptive_integral(seed):
    rng = np.random.default_rng(seed)
    for _ in range(3):
        u, v = np.exp(rng.uniform(np.log(0.05), np.log(4.0), 2))
        n, p_kill = int(rng.integers(1, 300)), float(rng.random())
        ours = burst.p_burst(u, v, n, p_kill, NODES, WEIGHTS)
        assert ours == pytest.approx(naive_burst.p_burst(u, v, n, p_kill), abs=1e-9)
    assert burst.p_burst(u, 0.0, n, 0.5, NODES, WEIGHTS) == pytest.approx(
        naive_burst.p_burst(u, 0.0, n, 0.5), abs=1e-12
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_p_burst_oval_is_the_integral_over_the_plane(seed):
    rng = np.random.default_rng(seed)
    for _ in range(4):
        u = float(np.exp(rng.uniform(np.log(0.05), np.log(3.0))))
        v1 = float(np.exp(rng.uniform(np.log(0.3), np.log(4.0))))
        v2, (m1, m2) = v1 * rng.uniform(0.3, 1.0), rng.normal(0.0, 2.0, 2)
        n, p_kill = int(rng.integers(1, 300)), float(rng.random())
        ours = burst.p_burst_oval(u, v1, v2, m1, m2, n, p_kill, NODES, WEIGHTS)
        assert ours == pytest.approx(naive_burst.p_burst_oval(u, v1, v2, m1, m2, n, p_kill), abs=1e-10)
    assert burst.p_burst_oval(1.0, 0.1, 0.1, 99.0, 0.0, 5, 0.5, NODES, WEIGHTS) == 0.0
    assert burst.p_burst_oval(0.5, 2.0, 2.0, 0.0, 0.0, n, p_kill, NODES, WEIGHTS) == pytest.approx(
        burst.p_burst(0.5, 2.0, n, p_kill, NODES, WEIGHTS), abs=1e-12
    )
