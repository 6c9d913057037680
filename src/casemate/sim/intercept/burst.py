"""What a burst does to a round: the analytic answer, and every round drawn. The two agree.

The rounds of a burst share one aim error and scatter about it, each on its own. Both are 2D Gaussians in the plane that
the round crosses. Rounds that hit kill independently of each other. The model knows no range, gun or track; `gun`,
`aim` and `fire` do.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaln

from casemate.errors import DomainError
from casemate.kernels import burst as kernel

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)
"""12 nodes a panel: within 3e-10 of 40 nodes for 1 to 100,000 rounds (tests/unit/test_sim_burst.py)."""

_ROUND_FROM = 1e-3
"""A shared error is taken as round whose axes differ by less than this share, or whose sigma is this part of the
scatter: 1e-6 of the probability."""

_OVAL_MAX = 30.0
"""Longest axis over the shortest of a shared error; a narrower one is widened to it, which moves the probability by
less than 1e-3 where the scatter is as wide."""

_SHARP = 50.0
"""Ratio of the variances of scatter and shared error beyond which the latter no longer matters to the quick answer."""

Floats = NDArray[np.float64]

_RADIUS_MAX_SCATTERS = 60.0
"""Largest disc radius, in scatters of one round, for which the kernel was checked against noncentral chi-square."""


def _check(radius_m: float, sigma_scatter_m: float, sigma_bias_m: float, n_rounds: int, p_kill: float) -> None:
    if not 0.0 < sigma_scatter_m < np.inf:
        raise DomainError("sigma_scatter_m", sigma_scatter_m, 0.0, np.inf)
    if not 0.0 <= radius_m <= _RADIUS_MAX_SCATTERS * sigma_scatter_m:
        raise DomainError("radius_m", radius_m, 0.0, _RADIUS_MAX_SCATTERS * sigma_scatter_m)
    if not 0.0 <= sigma_bias_m < np.inf:
        raise DomainError("sigma_bias_m", sigma_bias_m, 0.0, np.inf)
    if n_rounds < 0:
        raise DomainError("n_rounds", n_rounds, 0, np.inf)
    if not 0.0 <= p_kill <= 1.0:
        raise DomainError("p_kill_given_hit", p_kill, 0.0, 1.0)


def p_burst_kill(
    radius_m: float, sigma_scatter_m: float, sigma_bias_m: float, n_rounds: int, p_kill_given_hit: float = 1.0
) -> float:
    """Return the probability that a burst kills, before its shared error is known.

    Parameters
    ----------
    radius_m : float
        Radius of the disc that the round shows; at most 60 scatters.
    sigma_scatter_m, sigma_bias_m : float
        Scatter of each round, and shared error of the burst, 1 sigma per axis [m] at the round.
    n_rounds : int
        Rounds in the burst.
    p_kill_given_hit : float
        1 gives the probability of at least one hit.

    Returns
    -------
    float
        Within 1e-9; the shared error is integrated, not averaged away: treating the rounds as
        independent overstates long bursts.
    """
    _check(radius_m, sigma_scatter_m, sigma_bias_m, n_rounds, p_kill_given_hit)
    return kernel.p_burst(
        radius_m / sigma_scatter_m, sigma_bias_m / sigma_scatter_m, n_rounds, p_kill_given_hit, _NODES, _WEIGHTS
    )


def p_burst_kill_oval(
    radius_m: float, scatter_m2: Floats, shared_m2: Floats, n_rounds: int, p_kill_given_hit: float = 1.0
) -> float:
    """Return the probability that a burst kills whose errors are not the same in all directions.

    Parameters
    ----------
    radius_m : float
        Radius of the disc that the round shows.
    scatter_m2, shared_m2 : (2, 2) float64
        Covariances of each round's scatter and of the shared error, in the plane that the round crosses.
    n_rounds : int
        Rounds in the burst.
    p_kill_given_hit : float

    Returns
    -------
    float
        Exact for round scatter. For oval scatter the disc, an oval in units of the scatter, is taken as a disc of its
        area: exact where it is small beside the scatter.
    """
    values, axes = np.linalg.eigh(scatter_m2)
    if not values[0] > 0.0:
        raise DomainError("scatter_m2", float(values[0]), 0.0, np.inf)
    white = axes / np.sqrt(values)
    narrow, wide = np.sqrt(np.maximum(np.linalg.eigvalsh(white.T @ shared_m2 @ white), 0.0)).tolist()
    u = radius_m / float(values[0] * values[1]) ** 0.25
    _check(u, 1.0, wide, n_rounds, p_kill_given_hit)
    if wide < _ROUND_FROM or narrow > (1.0 - _ROUND_FROM) * wide:
        return kernel.p_burst(u, (narrow * wide) ** 0.5, n_rounds, p_kill_given_hit, _NODES, _WEIGHTS)
    narrow = max(narrow, wide / _OVAL_MAX)
    return kernel.p_burst_oval(u, wide, narrow, 0.0, 0.0, n_rounds, p_kill_given_hit, _NODES, _WEIGHTS)


def p_burst_quick(
    radius_m: Floats, scatter_m: Floats, bias_m: Floats, n_rounds: NDArray[np.int64] | int, p_kill_given_hit: Floats
) -> Floats:
    """Return about what `p_burst_kill` does, for arrays (k,): for plans, not for results.

    Notes
    -----
    The chance of a round by its distance from the middle is taken as a Gaussian of the true one's height and volume.
    With s = exp(-b^2 / 2 w^2) uniform to the power of (w / v)^2, the integral is an incomplete gamma function. Within
    0.01 of the exact one for discs up to half a scatter, 0.07 for clouds of small effect
    (tests/unit/test_sim_burst.py).
    """
    u2 = (radius_m / scatter_m) ** 2
    peak = -np.expm1(-0.5 * u2)
    width2 = u2 / (2.0 * peak) * scatter_m**2
    a = width2 / np.maximum(bias_m**2, width2 / _SHARP)
    strength = np.maximum(-n_rounds * np.log1p(-np.minimum(p_kill_given_hit * peak, 1.0 - 1e-12)), 1e-12)
    # of all bursts the share that fails: a strength^-a times the lower incomplete gamma function, or its series
    much, k = np.maximum(strength, 1.0), np.arange(14.0)
    strong = np.exp(gammaln(a + 1.0) - a * np.log(much)) * gammainc(a, much)
    terms = np.cumprod(np.append(np.ones((a.size, 1)), -strength[:, None] / k[1:], axis=1), axis=1)
    weak = np.sum(terms * a[:, None] / (a[:, None] + k), axis=1)
    fails: Floats = np.where(strength < 1.0, weak, strong)
    return 1.0 - fails


def p_kill_at(
    radius_m: float, sigma_scatter_m: float, offset_m: float, n_rounds: int, p_kill_given_hit: float = 1.0
) -> float:
    """Return the probability that a burst kills, its whole pattern known to lie `offset_m` off the round's centre."""
    _check(radius_m, sigma_scatter_m, offset_m, n_rounds, p_kill_given_hit)
    p_hit = kernel.p_inside(radius_m / sigma_scatter_m, offset_m / sigma_scatter_m)
    return kernel.p_any(p_kill_given_hit * p_hit, n_rounds)


def draw_kills(
    rng: np.random.Generator,
    radius_m: float,
    sigma_scatter_m: float,
    offsets_m: NDArray[np.float64] | Sequence[Sequence[float]],
    n_rounds: int,
    p_kill_given_hit: float = 1.0,
) -> NDArray[np.bool_]:
    """Draw every round of every burst and tell which bursts killed.

    Parameters
    ----------
    offsets_m : (k, 2) float64 [m]
        Where the middle of each burst's pattern lies from the round's centre.

    Returns
    -------
    (k,) bool
    """
    _check(radius_m, sigma_scatter_m, 0.0, n_rounds, p_kill_given_hit)
    middle = np.asarray(offsets_m, np.float64).reshape(-1, 1, 2)
    rounds = middle + sigma_scatter_m * rng.standard_normal((middle.shape[0], n_rounds, 2))
    is_hit = np.hypot(rounds[..., 0], rounds[..., 1]) <= radius_m
    return np.any(is_hit & (rng.random((middle.shape[0], n_rounds)) < p_kill_given_hit), axis=1)
